"""Where a model comes from, for visitors of the drawing page."""

from pydantic import BaseModel

from pix2pix.model_file import Header
from pix2pix.networks import empty_generator


class About(BaseModel, frozen=True):
    """What the page shows of a model's origin. Of imported models pairs and images seen are unknown: 0."""

    pairs: int = 0
    images_seen: int = 0
    scores: dict[str, float] = {}
    licence: str = ""  # of the training pictures, in the words of who trained
    weights: int = 0
    started_from: str = ""
    imported_from: str = ""


def about(header: Header) -> About:
    """Return what a model file states about its origin."""
    provenance = header.provenance
    return About(
        pairs=provenance.pairs,
        images_seen=provenance.images_seen,
        scores=provenance.scores,
        licence=header.config.data.licence,
        weights=sum(weight.numel() for weight in empty_generator(header.config).parameters()),
        started_from=provenance.initialised_from or "",
        imported_from=provenance.imported_from or "",
    )
