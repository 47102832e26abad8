"""What a run is validated by besides L1, PSNR and SSIM, and which measure chooses its best model.

Only measures by features choose: L1, PSNR and SSIM reward blur. The best model is a file of its own, which
alone remembers how good it was: a run that was killed after it was written finds it there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.measures import MEASURES, PERCEPTUAL, SET_MEASURES
from pix2pix.measures.features import VGG16_NAME, FeatureNetwork, find_features, load_vgg16
from pix2pix.model_file import Header, read_header

_BY_FEATURES = (*PERCEPTUAL, *SET_MEASURES)


@dataclass(frozen=True)
class FeatureScores:
    """The measures by features that a run is validated by."""

    names: frozenset[str] = frozenset()
    network: FeatureNetwork | None = None  # of measures of sets, if there are any
    best: str = ""  # the one that chooses the best model: the lower the better

    def refuse_learned(self, networks: Collection[str]) -> None:
        """Raise UserError where the best model would be chosen by a network that it learns from."""
        chooses = VGG16_NAME if self.best in PERCEPTUAL else self.network.name if self.network else ""
        if self.best and chooses in networks:
            raise UserError(
                f"training.best = {self.best} chooses by {chooses}, which the model learns from: its "
                "score would only repeat the loss.",
                "Name another feature network with training.features, or leave training.best empty.",
            )


@dataclass
class RealFeatures:
    """Features (N, D) of the validation targets: computed once, they do not change while training."""

    known: Tensor | None = None


def find_feature_scores(config: Config) -> FeatureScores:
    """Return the measures by features that are requested, with their network.

    Raises UserError for measures that do not exist, cannot be had here, or must not choose.
    """
    training = config.training
    _check_names(config)
    names = frozenset({*training.measures, training.best} & {*_BY_FEATURES})
    if not names:
        return FeatureScores()
    network = None
    if names & {*SET_MEASURES}:
        network = find_features(training.features or None)
    if (names & {*SET_MEASURES} and network is None) or names & {*PERCEPTUAL}:
        try:
            load_vgg16()
        except UserError as error:
            raise UserError(
                f"Training is to measure {', '.join(sorted(names))}. {error.message}",
                "Install it: pip install 'pix2pix[metrics]'. KID and FID take another network, too: "
                "--set training.features=FILE.onnx",
            ) from None
    return FeatureScores(names, network, training.best)


def _check_names(config: Config) -> None:
    """Refuse unknown measures, and those that must not choose."""
    training = config.training
    known = [*MEASURES, *_BY_FEATURES]
    if unknown := [name for name in training.measures if name not in known]:
        raise UserError(f"training.measures names '{unknown[0]}': wanted some of {', '.join(known)}.")
    if training.best in MEASURES:
        raise UserError(
            f"training.best = {training.best} cannot choose the best model: it rewards blur.",
            f"Choose by features: {', '.join(_BY_FEATURES)}.",
        )
    if training.best and training.best not in _BY_FEATURES:
        raise UserError(
            f"training.best = {training.best} is no measure that chooses: wanted {', '.join(_BY_FEATURES)}."
        )
    if config.data.target_one_hot and (training.best or {*training.measures} & {*_BY_FEATURES}):
        raise UserError(
            f"Targets are classes, and {', '.join(_BY_FEATURES)} compare pictures.",
            "Leave training.best and training.measures empty: class targets are scored by their classes.",
        )
    if training.features and not {training.best, *training.measures} & {*SET_MEASURES}:
        raise UserError(
            "training.features names a network that nothing uses.",
            f"Name one of {', '.join(SET_MEASURES)} in training.best or training.measures.",
        )


@dataclass(frozen=True)
class Best:
    """The best model so far: its score and the images it had seen."""

    score: float
    images_seen: int


def find_best(path: Path, config: Config, network: str | None) -> Best | None:
    """Return how good the best model in a file is; None where it was chosen by other pictures or measures."""
    if not config.training.best or not path.is_file():
        return None
    header = read_header(path)
    score = header.provenance.scores.get(f"val_{config.training.best}")
    if score is None or not _chosen_alike(header, config, network):
        return None
    return Best(score, header.provenance.images_seen)


def _chosen_alike(header: Header, config: Config, network: str | None) -> bool:
    there, here = header.config.training, config.training
    same = (there.best, there.validate_pairs) == (here.best, here.validate_pairs)
    return same and header.provenance.feature_network == network
