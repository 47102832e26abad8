"""`pix2pix doctor`: versions, devices, extras, disk, cache, and whether training and translating work here.

The text is for bug reports. Paths in the user's folder begin with ~, and of the environment only variables of
the package, of threads and of devices are shown. Heavy packages are imported when they are tried: what cannot
be loaded is what a report is about.
"""

import os
import platform
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, cast

from pix2pix import __version__
from pix2pix.errors import UserError, counted, first_line, joined, shortened
from pix2pix.files import CACHE, bytes_in_words, cache_folder

_VARIABLES = re.compile(r"PIX2PIX_\w+|(OMP|MKL)_NUM_THREADS|CUDA_VISIBLE_DEVICES|PYTORCH_\w+|WORLD_SIZE")
_DEV = "dev"  # an extra for those who change the package
_SETTINGS = (
    *("data.size_px=64", "model.width=8", "model.discriminator_px=16", "model.discriminator_width=8"),
    *("training.images=16", "training.log_images=8", "training.validate_images=16"),
)


class Fact(NamedTuple):
    """One line of the report."""

    label: str
    value: str
    good: bool = True


def facts() -> Iterator[Fact]:
    """Yield what is known of this machine; a fact that cannot be found out says why."""
    parts: dict[str, Callable[[], str]] = {
        "pix2pix": lambda: f"{__version__}, Python {platform.python_version()}",
        "system": lambda: f"{platform.platform()}, {os.cpu_count()} processors",
        "torch": _torch,
        "devices": _devices,
        "libraries": lambda: ", ".join(_versions(_requirements()[""])),
        "disk": _disk,
        "cache": _cache,
        "files": _files,
        "environment": _environment,
    }
    for label, find in parts.items():
        yield _tried(label, find)
    for name, packages in sorted(_requirements().items()):
        if name not in ("", _DEV):
            yield Fact(f"extra {name}", _extra(name, packages))


def self_test(device: str) -> Iterator[Fact]:
    """Train, translate and export in a temporary folder; yield how each went and how long it took.

    What follows a failure is not tried. Raises UserError for a device that is missing.
    """
    with suppress(ImportError, OSError):  # training says what keeps torch from loading
        from pix2pix.device import pick_device

        pick_device(device)
    with tempfile.TemporaryDirectory(prefix="pix2pix-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        steps: dict[str, Callable[[], str]] = {
            "train": lambda: _train(folder, device),
            "translate": lambda: _translate(folder, device),
            "export": lambda: _export(folder),
        }
        with _own_cache(folder / "cache"):
            for label, step in steps.items():
                began = time.monotonic()
                fact = _tried(label, step)
                yield fact._replace(value=f"{fact.value} ({time.monotonic() - began:.1f} s)")
                if not fact.good:
                    return


def _tried(label: str, find: Callable[[], str]) -> Fact:
    try:
        return Fact(label, without_home(find()))
    except UserError as error:
        return Fact(label, without_home(f"FAILED: {error}"), good=False)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = "/".join(Path(frame.filename).parts[-3:])
        text = f"FAILED: {type(error).__name__}: {shortened(first_line(error))} ({place}:{frame.lineno})"
        return Fact(label, without_home(text), good=False)


def without_home(text: str) -> str:
    """Return a text in which the user's folder is ~: its name is often a person's."""
    home = str(Path.home())
    return re.sub(re.escape(home) + r"(?![\w.-])", "~", text) if len(home) > 1 else text


def _torch() -> str:
    import torch

    cuda, cudnn = torch.version.cuda, cast(Any, torch.backends.cudnn)
    libraries = f"CUDA {cuda}, cuDNN {cudnn.version()}" if cuda else "no CUDA"
    return f"{torch.__version__}, {libraries}, {counted(torch.get_num_threads(), 'thread')}"


def _devices() -> str:
    import torch

    from pix2pix.device import describe, free_memory, present_devices

    described = []
    for name in present_devices():
        device = torch.device(name)
        free = free_memory(device)
        room = f", {bytes_in_words(free)} free" if free is not None else ""
        described.append(f"{name}: {describe(device)}{room}")
    return "; ".join(described)


def _requirements() -> dict[str, list[str]]:
    """Return the packages that this one names, by extra; "" for those that it always needs."""
    packages = defaultdict[str, list[str]](list)
    try:
        named = requires("pix2pix") or []
    except PackageNotFoundError:  # run from a checkout that nobody has installed
        named = []
    for requirement in named:
        extra = re.search(r"extra == ['\"]([\w-]+)", requirement)
        name = re.match(r"[\w.-]+", requirement)
        if name and name[0] != "pix2pix":
            packages[extra[1] if extra else ""].append(name[0])
    return packages


def _versions(packages: list[str]) -> Iterator[str]:
    for name in packages:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} MISSING"


def _extra(name: str, packages: list[str]) -> str:
    described = list(_versions(packages))
    if any(text.endswith("MISSING") for text in described):
        return f"not installed (pip install 'pix2pix[{name}]'): {', '.join(described)}"
    return ", ".join(described)


def _disk() -> str:
    places = {"here": Path.cwd(), "temporary files": Path(tempfile.gettempdir())}
    return ", ".join(
        f"{bytes_in_words(shutil.disk_usage(place).free)} free {name}" for name, place in places.items()
    )


def _cache() -> str:
    from pix2pix.data.cache import entries, limit_bytes

    folder = cache_folder()
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not os.access(there, os.W_OK):
        raise UserError(f"{folder} cannot be written.", f"Set the variable {CACHE} to a folder that can.")
    used, limit = sum(entry.bytes for entry in entries()), limit_bytes()
    free = bytes_in_words(shutil.disk_usage(there).free)
    return f"{folder}: {bytes_in_words(used)} of at most {bytes_in_words(limit)}, {free} free"


def _files() -> str:
    locks = "locks" if find_spec("fcntl") else "no locks (two runs in one folder are not noticed)"
    return f"{locks}, names in {sys.getfilesystemencoding()}"


def _environment() -> str:
    shown = [f"{name}={value}" for name, value in sorted(os.environ.items()) if _VARIABLES.fullmatch(name)]
    return ", ".join(shown) or "nothing is set"


@contextmanager
def _own_cache(folder: Path) -> Iterator[None]:
    """Keep the pairs of the test out of the user's cache."""
    before = os.environ.get(CACHE)
    os.environ[CACHE] = str(folder)
    try:
        yield
    finally:
        del os.environ[CACHE]
        if before is not None:
            os.environ[CACHE] = before


def _train(folder: Path, device: str) -> str:
    from pix2pix.config import Config
    from pix2pix.datasets.sample import draw
    from pix2pix.training.train import train

    draw(folder / "pairs", {"train": 8, "val": 2}, 64, 0)
    config = Config.load("demo", _SETTINGS)
    result = train([folder / "pairs"], config, folder / "run", device=device, engine="plain")
    scores = joined([f"{name} {value:.3g}" for name, value in result.scores.items()])
    return f"{result.images_seen} images seen, {scores}"


def _translate(folder: Path, device: str) -> str:
    import numpy as np

    from pix2pix.inference.translator import Translator
    from pix2pix.pictures import codec, geometry

    translator = Translator.load(folder / "run", device)
    path = next((folder / "pairs" / "val").iterdir())
    source = geometry.half(codec.read(path), "left", path.name)
    output = np.asarray(translator.translate(source))
    if output.shape != source.shape:
        raise UserError(f"A picture of {source.shape} became one of {output.shape}.")
    return translator.how


def _export(folder: Path) -> str:
    if all(find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript")):
        from pix2pix.export.onnx import export_onnx

        return f"ONNX, {_difference(export_onnx(folder / 'run', folder / 'model.onnx'))}"
    from pix2pix.export.torch_export import export_torch

    return f"torch.export, {_difference(export_torch(folder / 'run', folder / 'model.pt2'))}"


def _difference(exported: Any) -> str:
    return f"at most {exported.difference.largest:.1g} from the model"
