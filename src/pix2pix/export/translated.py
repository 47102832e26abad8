"""The translation of an example, as a picture for pages."""

from pathlib import Path

from PIL import Image

from pix2pix.config import Mode
from pix2pix.inference.translator import Translator
from pix2pix.model_file import ImageContract
from pix2pix.page.examples import Example
from pix2pix.pictures.codec import to_pillow
from pix2pix.pictures.conform import to_view


def translate_example(
    model: Path, image: ImageContract, example: Example, mode: Mode | None = None
) -> Image.Image:
    """Return the model's translation of an example's source, of its size, in 8 bits.

    Raises UserError where the model or the example cannot be read.
    """
    translator = Translator.load(model, "cpu", engine="torch")
    translation = translator.translate(example.source.read(), mode=mode)
    if not isinstance(translation, Image.Image):
        translation = to_pillow(to_view(translation, image.lab_photograph or image.target))
    return translation.convert("RGB")
