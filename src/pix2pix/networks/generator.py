"""What the rest of the package knows of a generator, whatever its layers are."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.networks.noise import Noise, NoiseInput
from pix2pix.networks.plan import Layer


class Generator(nn.Module):
    """G(x, z): a new generator states the numbers below and defines `logits`.

    Heights and widths are multiples of `multiple_px`; if data.size_px is none, the builder raises a
    UserError. `noise` lists the noisy layers. With `classes`
    the output is the probability of each class, scaled to [-1, 1]. `work_per_pixel` compares the cost
    of generators: a U-Net's squared width. Norms are `layers.Norm`, which the inference modes switch.
    """

    def __init__(
        self,
        source_channels: int,
        target_channels: int,
        *,
        classes: bool = False,
        multiple_px: int = 1,
        work_per_pixel: int = 1,
        noise: Iterable[NoiseInput] = (),
    ) -> None:
        super().__init__()
        self.source_channels, self.target_channels = source_channels, target_channels
        self.classes, self.multiple_px, self.work_per_pixel = classes, multiple_px, work_per_pixel
        self.noise = tuple(noise)

    def logits(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W); no noise, no dropout."""
        raise NotImplementedError

    def activate(self, logits: Tensor) -> Tensor:
        """Return the target in [-1, 1]: tanh of a picture, probabilities of classes."""
        # In float32 whatever came before: 16-bit targets need more than bf16 has.
        logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
        return torch.softmax(logits, 1) * 2 - 1 if self.classes else torch.tanh(logits)

    def forward(self, source: Tensor, noise: Noise | None = None) -> Tensor:
        """(B, source channels, H, W) in [-1, 1] -> (B, target channels, H, W) in [-1, 1]."""
        return self.activate(self.logits(source, noise))

    def plan(self) -> tuple[Layer, ...]:
        """Return the layers of `logits`, by which pictures larger than the memory are translated.

        Empty here: such a generator takes pictures whole.
        """
        return ()

    def fold_statistics(self) -> None:
        """Move running statistics into the weights before export, in the mode `running`.

        Does nothing here: norms then remain as they are. A generator that knows which layers its norms
        follow may override this; its outputs must stay the same.
        """


def check_size(config: Config, multiple: int, because: str, hint: str = "") -> None:
    """Raise UserError where data.size_px is no multiple of `multiple` pixels, with the nearest that is."""
    size = config.data.size
    if any(side % multiple for side in size):
        height, width = (max(1, round(side / multiple)) * multiple for side in size)
        raise UserError(
            f"data.size_px = {config.data.size_px} is not possible: wanted multiples of {multiple} px, "
            f"because {because}.",
            f"Take {height if size[0] == size[1] else [height, width]}{hint}.",
        )
