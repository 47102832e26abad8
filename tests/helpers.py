"""Pictures, folders and models for the tests."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pix2pix.config import Config, DataConfig
from pix2pix.data.batches import Batch, Loader
from pix2pix.data.feed import HostFeed
from pix2pix.data.reading import Reading
from pix2pix.data.store import Store, open_store
from pix2pix.inference.items import Item
from pix2pix.model_file import Header, ImageContract, Provenance, load_model, save_model, versions
from pix2pix.networks import build_generator
from pix2pix.networks.noise import noise_keys
from pix2pix.pairs.find import Pair
from pix2pix.pictures import codec
from pix2pix.pictures.contract import PictureContract
from pix2pix.training.state import State, new_state, reset
from pix2pix.training.step import plain_step

# The smallest networks that the package builds.
SMALL = ("data.size_px=32", "model.width=4", "model.discriminator_px=16", "model.discriminator_width=4")


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """(H, W, C) uint8, every pixel drawn alone."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def write(path: Path, array: codec.Array | None = None) -> Path:
    """A picture file (32 x 32 noise unless given), with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec.write(noise(32, 32) if array is None else array, path)
    return path


def write_pairs(folder: Path, count: int, size_px: int = 32) -> Path:
    """`count` side-by-side PNGs."""
    for number in range(count):
        write(folder / f"{number}.png", noise(size_px, 2 * size_px, seed=number))
    return folder


def write_text(path: Path, text: str = "no picture at all") -> Path:
    """A text file, whatever its name promises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_truncated(path: Path, width: int = 64, height: int = 32) -> Path:
    """A picture file of which the second half is missing."""
    write(path, noise(height, width))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def small(*settings: str, channels: tuple[int, int] = (3, 3)) -> Config:
    """A configuration of the smallest networks, for sources and targets of these channels."""
    return Config.load(None, [*SMALL, *settings]).with_channels(*channels)


def chunk(kind: bytes, data: bytes) -> bytes:
    """One part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(path: Path, bits: int = 8) -> None:
    """A PNG of 50,000 x 50,000 px in a few KB."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, bits, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(10_000_000), 9)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + body)


def open_pairs(pairs: Sequence[Pair], size: tuple[int, int] = (32, 32)) -> Store:
    """The store of pairs of 8-bit RGB."""
    rgb = PictureContract()
    return open_store(pairs, size, Reading(rgb, rgb, DataConfig()))


def batch_at(loader: Loader, position: int) -> Batch:
    """The batch that begins at an image, as training streams it."""
    feed, positions = HostFeed(loader), range(position, position + loader.batch)
    names = [loader.store.names[loader.pick(n)[0]] for n in positions]
    return Batch(*feed.pictures(*feed.tensors(positions)), names, torch.tensor(positions))


def write_model(
    path: Path,
    *settings: str,
    layout: str = "two folders",
    source: PictureContract | None = None,
    target: PictureContract | None = None,
    photograph: PictureContract | None = None,
) -> Path:
    """The model file of a generator that has learned nothing."""
    source, target = source or PictureContract(), target or PictureContract()
    config = small(*settings, channels=(source.tensor_channels, target.tensor_channels))
    header = Header(
        config=config,
        image=ImageContract(
            source=source,
            target=target,
            layout=layout,
            half=config.data.source,
            made=config.data.make,
            photograph=photograph,
        ),
        mode=config.default_mode,
        provenance=Provenance(
            images_seen=1200, pairs=400, data_digest="0123abcd", scores={"val_l1": 0.25}, versions=versions()
        ),
    )
    generator = build_generator(config)
    # Fresh weights of deviation 0.02 give nearly flat grey; these give pictures that differ.
    with torch.no_grad():
        for weight in generator.parameters():
            weight.mul_(5)
    save_model(path, generator, header)
    return path


def double_state(config: Config) -> State:
    """A fresh state in float64, with weights large enough that each term of the step counts."""
    state = new_state(config, torch.device("cpu"))
    for _, network, optimiser in state.parts():
        network.double()
        with torch.no_grad():
            for weight in network.parameters():
                if weight.ndim == 4:
                    weight.mul_(5)
        reset(optimiser)
    return state


def make_step(state: State, batch: Batch, config: Config) -> dict[str, torch.Tensor]:
    """One plain step on a batch, with the noise of its positions."""
    keys = noise_keys(config.training.seed, batch.positions)
    return plain_step(state, batch.source, batch.target, keys, config)


def settle(model: Path) -> Path:
    """Make a model file more like a trained one: running statistics, outputs that are not full."""
    generator, header = load_model(model, torch.device("cpu"))
    random = torch.Generator().manual_seed(0)
    channels = header.config.model.source_channels
    for _ in range(40):  # at a momentum of 0.1 nothing is left of where they began
        generator(torch.rand(4, channels, 32, 32, generator=random) * 2 - 1)
    last = [weight for weight in generator.parameters() if weight.ndim == 4][-1]
    last.mul_(0.25)
    save_model(model, generator, header)
    return model


def item_of(source: Path, output: Path) -> Item:
    """The item of a file that was named alone."""
    return Item(source, output, source.stem)


def pixels(path: Path) -> NDArray[np.uint8]:
    """What a picture file holds, as Pillow reads it."""
    with Image.open(path) as image:
        return np.array(image)


def files_below(folder: Path) -> set[str]:
    """The relative names of all files, hidden ones included."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


# Names as people and their systems make them; the last two are no UTF-8 and a combining accent.
_AWKWARD = (
    "a",
    "A",
    "a b",
    "a.b",
    "a.b.png",
    "x.jpg",
    "[a]",
    "*",
    "~",
    "-o",
    "#1",
    "a=b",
    "日本",
    "é",
    ".hidden",
    "..a",
    "a.",
    "train",
    "Train",
    "val",
    "validation",
    "test",
    "source",
    "target",
    os.fsdecode(b"caf\xe9"),
    "e\u0301",
)
_ENDINGS = (".png", ".PNG", ".jpg", ".jpeg", ".Tiff", ".webp", ".txt", ".png.txt", "")
_PLACES = (
    (),
    (),
    (),
    ("train",),
    ("val",),
    ("source",),
    ("target",),
    ("source", "train"),
    ("source", "val"),
    ("train", "source"),
    ("val", "source"),
)
_stems = st.sampled_from(_AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8
).filter(lambda text: text not in (".", ".."))


@st.composite
def trees(draw: st.DrawFn) -> list[PurePosixPath]:
    """Relative paths of files in nested folders, some of them laid out like pairs."""
    files = st.builds(
        lambda place, folders, stem, ending: PurePosixPath(*place, *folders, stem + ending),
        st.sampled_from(_PLACES),
        st.lists(_stems, max_size=2),
        _stems,
        st.sampled_from(_ENDINGS),
    )
    found = draw(st.lists(files, max_size=12))
    partners = [PurePosixPath(str(path).replace("source", "target")) for path in found]
    return found + (partners if draw(st.booleans()) else [])


def plant(root: Path, paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Make empty files, and return those that could be made beside the others."""
    made = []
    for path in paths:
        file = root / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(exist_ok=False)
        except (FileExistsError, NotADirectoryError):
            continue  # a folder of that name, or a file where a folder would be
        made.append(path)
    return made


def are_pictures(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """The paths that a person would call visible pictures, in order."""
    endings = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
    return sorted(
        path for path in paths if path.name.lower().endswith(endings) and not f"/{path}".count("/.")
    )


def scene(seed: int, height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """(H, W, C) uint8 of soft shapes, as a photograph has them: what is near is alike."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, channels), dtype=np.uint8)
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC))
        for plane in np.moveaxis(coarse, 2, 0)
    ]
    return np.stack(planes, axis=2)


class Clock:
    """A clock that stands still until it is moved, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now
