"""Feed damaged files to every parser: only a UserError may come of it, within 500 MB and 10 seconds.

python -m tests.fuzz.fuzz --count 20000          all parsers, one after the other
python -m tests.fuzz.fuzz --parser gif --count 5  one
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pix2pix.config import Config
from pix2pix.data import cache
from pix2pix.data.origins import find_data
from pix2pix.errors import UserError
from pix2pix.measures.weights import read_weights
from pix2pix.model_file import load_model
from pix2pix.pictures import codec
from pix2pix.pictures.clips import animations
from pix2pix.pictures.formats.opening import LIMIT
from pix2pix.pictures.palette_file import load_palette
from pix2pix.reports.training_page import read_metrics
from pix2pix.training.state import load_state, new_state, save_state
from tests.helpers import noise, small, write_model

MOST_BYTES, MOST_SECONDS = 500_000_000, 10
_MOST_MEGAPIXELS = "44.5"  # a quarter of the package's own limit: of 250 MB a decoder may hold two copies
_BATCH = 250  # mutations of one process
CPU = torch.device("cpu")
Parser = tuple[bytes, str, Callable[[Path], object]]


def picture(path: Path) -> None:
    codec.read_here(path)


def clip(path: Path) -> None:
    for _ in animations.frames_here(path):
        pass


def saved(kind: str, *, clip_of: int = 1, array: codec.Array | None = None, **more: object) -> bytes:
    out = io.BytesIO()
    first, *others = (
        Image.fromarray(noise(24, 20, seed=n) if array is None else array) for n in range(clip_of)
    )
    first.save(out, kind, **({"save_all": True, "append_images": others} if others else {}), **more)
    return out.getvalue()


def written(folder: Path, name: str, array: codec.Array) -> bytes:
    codec.write(array, folder / name)
    return (folder / name).read_bytes()


def parsers(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield each parser: a good file, the ending of its name, and what reads it."""
    yield from (
        (kind.lower(), (saved(kind), f".{kind.lower()}", picture))
        for kind in ("PNG", "JPEG", "BMP", "PPM", "WebP")
    )
    yield "progressive", (saved("JPEG", progressive=True), ".jpg", picture)
    yield "lossless", (saved("WebP", lossless=True), ".webp", picture)
    yield "gif", (saved("GIF", clip_of=3), ".gif", clip)
    yield "clip", (saved("WebP", clip_of=3), ".webp", clip)
    yield "apng", (saved("PNG", clip_of=3), ".png", clip)
    deep = noise(24, 20).astype(np.uint16) * 257
    yield "png16", (written(folder, "a.png", deep), ".png", picture)
    yield "tiff", (written(folder, "a.tif", deep), ".tif", picture)
    yield "npy", (written(folder, "a.npy", deep), ".npy", picture)
    for packed in ("tiff_lzw", "jpeg", "packbits"):
        yield f"tiff_{packed}", (saved("TIFF", compression=packed), ".tif", picture)
    yield from parsers_of_models(folder)
    yield from parsers_of_texts(folder)


def parsers_of_models(folder: Path) -> Iterator[tuple[str, Parser]]:
    model = write_model(folder / "model.safetensors")
    yield "model", (model.read_bytes(), ".safetensors", lambda path: load_model(path, CPU))
    config = small(channels=(3, 3))
    state = new_state(config, CPU)
    save_state(folder / "state.safetensors", state, {"a": 1})
    data = (folder / "state.safetensors").read_bytes()
    yield "state", (data, ".safetensors", lambda path: load_state(path, state, CPU))
    for name, zipped in (("pth", True), ("old_pth", False)):
        out = io.BytesIO()
        torch.save({"a.0.weight": torch.ones(3, 2)}, out, _use_new_zipfile_serialization=zipped)
        yield name, (out.getvalue(), ".pth", lambda path: read_weights(path, "HED"))


def parsers_of_texts(folder: Path) -> Iterator[tuple[str, Parser]]:
    toml = small("data.pair=['{}.jpg', '{}_mask.png']", "data.target_range=[0, 4095]").to_toml().encode()
    yield "recipe", (toml, ".toml", lambda path: Config.load(path).to_described_toml())
    yield "setting", (b"data.target_range=[0, 4095]", ".txt", setting)
    palette = b'[[class]]\nname = "a"\ncolour = "#804080"\n[[class]]\nname = "b"\ncolour = "#000000"\n'
    yield "palette", (palette + b"[ignore]\nindex = 255\n", ".toml", lambda path: load_palette(str(path)))
    for name in ("a.png", "b.png"):
        codec.write(noise(8, 8), folder / name)
    rows = [{"source": str(folder / "a.png"), "target": str(folder / "b.png"), "split": "train"}] * 2
    jsonl = "\n".join(map(json.dumps, rows)).encode()
    csv = ("source,target,split\n" + ",".join(rows[0].values())).encode()
    for name, text in (("jsonl", jsonl), ("csv", csv)):
        yield name, (text, f".{name}", lambda path: find_data([str(path)], Config().data))
    index = json.dumps({"names": ["a"], "failures": [], "bytes": [1, 2], "digest": "0", "data": "x"})
    yield "index", (index.encode(), ".json", cache.read_index)
    yield "metrics", (b'{"images": 100, "loss_d": 0.5}\n' * 3, ".jsonl", read_metrics)


def setting(path: Path) -> None:
    Config.load(None, [path.read_bytes().decode("utf-8", "replace")])


EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\1\0")
WORDS = (
    b"[" * 3_000,
    b"9" * 5_000,
    b"a." * 5_000,
    b"Infinity",
    b"\x1b[31m",
    b"NaN",
    b"null",
    b"{}",
    b"1e999",
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a file with one to six changes."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        # Half of the changes are in the head, where sizes are.
        end = len(out) if chance.random() < 0.5 else min(len(out), 200)
        place = chance.randrange(end) if end else 0
        match chance.randrange(8):
            case 0 | 1:
                out[place : place + 1] = bytes([chance.randrange(256)])
            case 2:
                out[place : place + 1] = bytes([1 << chance.randrange(8)])
            case 3:
                out[place : place + 4] = chance.choice(EXTREMES)
            case 4:
                del out[place : place + chance.randrange(1, 64)]
            case 5:
                out[place:place] = out[place : place + chance.randrange(1, 200)] * chance.choice((1, 2, 50))
            case 6:
                out[place : place + chance.choice((0, 1, 4))] = chance.choice(WORDS)
            case 7:
                del out[place + chance.randrange(200) :]
    return bytes(out)


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def batch(name: str, parser: Parser, numbers: range, folder: Path, out: int) -> None:
    """Try mutations in this process, which dies after 10 seconds; what is wrong goes to a pipe."""
    data, suffix, parse = parser
    before, path = peak(), folder / f"{name}{suffix}"
    for number in numbers:
        path.write_bytes(mutated(data, random.Random(f"{name} {number}")))
        os.write(out, f"{number}\n".encode())
        signal.alarm(MOST_SECONDS)
        try:
            parse(path)
        except UserError as error:
            if any(not (letter.isprintable() or letter in " \u3000\xa0") for letter in str(error)):
                os.write(out, f"{number} unprintable: {str(error)[:200]!r}\n".encode())
        except Exception as error:
            os.write(out, f"{number} {type(error).__name__}: {str(error)[:200]!r}\n".encode())
        signal.alarm(0)
        if peak() - before > MOST_BYTES:
            os.write(out, f"{number} took {(peak() - before) / 1e6:.0f} MB\n".encode())
            return


def fuzz(name: str, parser: Parser, count: int, folder: Path) -> list[str]:
    """Return a line for each mutation that broke a limit."""
    failures, number = list[str](), 0
    while number < count:
        reading, writing = os.pipe()
        if (process := os.fork()) == 0:
            os.close(reading)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries talk about what is broken
            batch(name, parser, range(number, min(count, number + _BATCH)), folder, writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            for line in pipe:
                number, _, what = line.strip().partition(" ")
                number = int(number) + 1
                failures += [f"{name} {number - 1}: {what}"] if what else []
        if status := os.waitpid(process, 0)[1]:
            failures.append(f"{name} {number - 1}: ended by signal {os.waitstatus_to_exitcode(status)}")
    return failures


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=20_000)
    arguments.add_argument("--parser", action="append")
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    os.environ.setdefault(LIMIT, _MOST_MEGAPIXELS)
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, parser in parsers(Path(folder)):
            if not chosen.parser or name in chosen.parser:
                failures = fuzz(name, parser, chosen.count, Path(folder))
                print(f"{name:<14} {chosen.count:>7,} mutations  {len(failures)} failures", flush=True)
                print(*failures[:20], sep="\n", end="\n" if failures else "")
                broken += len(failures)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
