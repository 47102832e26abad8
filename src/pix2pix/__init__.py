"""Learn to translate one kind of picture into another from paired examples.

    from pix2pix import Config, Translator, train

    train(["facades"], Config.load("facades"), "runs/facades")
    Translator.load("runs/facades/model.safetensors").translate("labels.png").save("house.png")

Names are loaded when they are first used: importing the package loads no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pix2pix.config import Config
    from pix2pix.inference.translator import Translator
    from pix2pix.training.train import train

__version__ = "0.1.0"
__all__ = ["Config", "Translator", "__version__", "train"]

_HOMES = {
    "Config": "pix2pix.config",
    "Translator": "pix2pix.inference.translator",
    "train": "pix2pix.training.train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pix2pix' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
