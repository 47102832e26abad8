"""From a `.pth` of pytorch-CycleGAN-and-pix2pix to a model file of this package."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from pix2pix.config import Config, Mode
from pix2pix.derive.lab import LAB_RANGES
from pix2pix.errors import UserError, first_line, joined, shortened
from pix2pix.importing.published import Published, recognise
from pix2pix.model_file import PEER_GENERATORS, Header, ImageContract, Provenance, save_model, versions
from pix2pix.networks import empty_generator
from pix2pix.pictures.contract import PictureContract
from pix2pix.pth import NotTensorsError, read_pth

_PROGRAM = "pytorch-CycleGAN-and-pix2pix"
_WANTED = (
    f"Wanted a generator that {_PROGRAM} saved, such as latest_net_G.pth: unet_256, unet_128, "
    "resnet_9blocks or resnet_6blocks."
)
_DEEPEST = 3  # dictionaries in each other, in which a generator is looked for
_COLOUR = (1, 2)  # channels of L and of a and b


def import_model(
    file: Path, out: Path, *, mode: Mode | None = None, half: Literal["left", "right"] = "left"
) -> None:
    """Write a model file of the generator in a .pth.

    `mode` becomes the model's own; `half` is that of side-by-side pairs which it translates. Raises
    UserError for a file that holds no such generator, and for a mode that the generator does not have.
    """
    if file.is_dir():
        inside = joined([path.name for path in sorted(file.glob(PEER_GENERATORS), reverse=True)])
        raise UserError(f"{file} is a folder.", f"Name a file in it: {inside}." if inside else _WANTED)
    if out.exists() and out.samefile(file):
        raise UserError(f"{out} is the file to import.", "Choose another with -o: facades.safetensors.")
    name, published = _only_generator(file, _read(file))
    config = published.config
    if mode is not None and mode not in config.modes:
        raise UserError(
            f"{file} has no running statistics, which --mode {mode} needs: its norm is {config.model.norm}.",
            f"Choose {' or '.join(config.modes)}.",
        )
    if broken := next((n for n, w in published.weights.items() if not w.isfinite().all()), None):
        raise UserError(f"{file} holds weights that are not finite, in {broken}.", "Take another.")
    generator = empty_generator(config)
    generator.load_state_dict(published.weights, assign=True)
    source = f"{_PROGRAM}, {published.name}, {file.name}{f' ({name})' if name else ''}"
    save_model(out, generator, _header(config, mode or "paper", half, source))


def _header(config: Config, mode: Mode, half: str, source: str) -> Header:
    model = config.model
    channels = model.source_channels, model.target_channels
    contracts = [PictureContract(channels=count) for count in channels]
    data: dict[str, Any] = {"source": half}
    place: dict[str, Any] = {"layout": "side by side", "half": half}
    if channels == _COLOUR:
        # Their colorization_model: of L in 0..100 and ab in -110..110, as here.
        contracts = [
            PictureContract(channels=count, depth="float32", low=low, high=high)
            for count, (low, high) in zip(channels, LAB_RANGES, strict=True)
        ]
        place |= {"layout": "photographs", "made": "lab", "photograph": PictureContract()}
        data["make"] = "lab"
    config = config.model_copy(update={"data": config.data.model_copy(update=data)})
    image = ImageContract(source=contracts[0], target=contracts[1], **place)
    provenance = Provenance(
        images_seen=0, pairs=0, data_digest="", scores={}, versions=versions(), imported_from=source
    )
    return Header(config=config, image=image, mode=mode, provenance=provenance)


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_pth(file)
    except NotTensorsError as error:
        raise UserError(
            f"{file} is refused: {shortened(str(error))}, and only tensors and their names are read.",
            "Save the generator's state dict: torch.save(netG.state_dict(), 'latest_net_G.pth').",
        ) from None
    except OSError as error:
        raise UserError(f"Cannot read {file}: {error.strerror or error}.") from None
    except Exception as error:  # torch and its parsers raise what the broken place happens to raise
        raise UserError(
            f"{file} is no .pth that can be read, or was cut short: {shortened(first_line(error))}.", _WANTED
        ) from None


def _only_generator(file: Path, content: Mapping[Any, Any]) -> tuple[str, Published]:
    """Return the generator and its name in the file; raises UserError where there is not exactly one."""
    try:
        generators = dict(_generators(content, "", _DEEPEST))
    except ValueError as error:
        raise UserError(f"{file} is like a generator of {_PROGRAM}, but {error}.", _WANTED) from None
    if len(generators) == 1:
        return next(iter(generators.items()))
    if generators:
        raise UserError(
            f"{file} holds {len(generators)} generators: {joined(list(generators))}.",
            "Save the state dict of one of them to a file.",
        )
    raise UserError(f"{file} {_what_else(content)}.", _WANTED)


def _generators(content: Mapping[Any, Any], name: str, deepest: int) -> Iterator[tuple[str, Published]]:
    """Yield the generators of a dictionary of tensors, of its parts and of dictionaries in it, by name."""
    tensors = _tensors(content)
    if published := recognise(tensors):
        yield name, published
        return
    parts: dict[str, dict[Any, Any]] = {}
    for key, value in tensors.items():
        parts.setdefault(key.partition(".")[0], {})[key] = value
    parts |= {str(key): dict(value) for key, value in content.items() if isinstance(value, Mapping)}
    for key, part in parts.items() if deepest else ():
        yield from _generators(part, f"{name}.{key}".lstrip("."), deepest - 1)


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _what_else(content: Mapping[Any, Any]) -> str:
    """Return what a dictionary without a generator holds."""
    inside = [value for value in content.values() if isinstance(value, Mapping)]
    tensors = _tensors(content) or next((found for part in inside if (found := _tensors(part))), {})
    if not tensors:
        return "holds no tensors"
    kernels = [tensor for tensor in tensors.values() if tensor.ndim == 4]
    flat = all(name.count(".") <= 3 for name in tensors)
    if flat and kernels and kernels[-1].shape[0] == 1 and {*kernels[-1].shape[2:]} <= {1, 4}:
        return "is a discriminator"
    return f"holds another network: its {len(tensors)} tensors are {joined(list(tensors), 2)}"
