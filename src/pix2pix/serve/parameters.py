"""What a request says about its translation, behind the question mark."""

from pydantic import BaseModel, Field

from pix2pix.config import Mode
from pix2pix.networks.modes import uses_noise
from pix2pix.serve.errors import RequestError
from pix2pix.serve.hosting import Hosted


class Parameters(BaseModel, extra="forbid", frozen=True):
    """How to translate: the part of a request behind the question mark."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="Fixes the noise.")
    mode: Mode | None = Field(None, description="Inference mode; by default the model's own.")
    sample: int = Field(0, ge=0, le=2**31 - 1, description="Which variant of the seed.")
    samples: int = Field(1, ge=1, le=8, description="Variants from there on, side by side.")
    make: bool = Field(False, description="The picture is a photograph: make the source from it.")

    def mode_of(self, model: Hosted) -> Mode:
        """Return the mode; raises RequestError for what the model cannot do."""
        mode, modes = self.mode or model.header.mode, model.header.config.modes
        if mode not in modes:
            raise RequestError(422, f"The model has no mode '{mode}'.", f"It has: {', '.join(modes)}.")
        if self.samples > 1 and not uses_noise(mode):
            raise RequestError(
                422,
                f"The mode '{mode}' has no noise, so all {self.samples} samples would be equal.",
                "Use mode=paper, or one sample.",
            )
        if self.make and model.header.image.photograph is None:
            raise RequestError(
                422,
                "This model learned from pairs as they are: it makes no sources.",
                "Send the request without make=true.",
            )
        return mode
