"""A folder for any static host: the drawing page, with networks that run inside it.

index.html, *.js ...   the page, as it is served too
models.json            what the page knows of the models
networks/, runtime/    what is large, in parts that every host takes
examples/              known pairs
service-worker.js      keeps it all for visits without a network
_headers               what hosts of that convention are to send along
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import torch

from pix2pix import image_files
from pix2pix.config import Mode
from pix2pix.drawing.card import KnownPair, make_card
from pix2pix.drawing.examples import Example, find_examples, view
from pix2pix.drawing.names import model_names
from pix2pix.export.checked import Exported
from pix2pix.export.folder import files_below, replacing_folder, write_list
from pix2pix.export.graph import NoiseInput, keep_factors
from pix2pix.export.onnx import export_onnx, runner
from pix2pix.export.parts import write_parts
from pix2pix.export.precision import Precision
from pix2pix.export.runtime import FILES, VERSION, load_runtime
from pix2pix.model_file import Header, ImageContract, load_model
from pix2pix.networks.noise import keep_mask, noise_keys
from pix2pix.progress import Watch

_HEADERS = """\
# Threads: with these two a page may share memory between them.
/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
/networks/*
  Cache-Control: public, max-age=31536000, immutable
/runtime/*.bin
  Cache-Control: public, max-age=31536000, immutable
"""
_CHECK_VALUES = 64  # of the output, that a browser's own are compared with


@dataclass(frozen=True)
class Site:
    """A folder that was written, and what a first visit without a graphics card downloads."""

    path: Path
    size_bytes: int
    visit_bytes: int
    networks: list[Exported]


def export_web(
    models: Sequence[Path], out: Path, *, precision: Precision = "fp16", mode: Mode | None = None,
    runtime: Path | None = None, watch: Watch | None = None,
) -> Site:  # fmt: skip
    """Write a page with these models, whole or not at all; an earlier export is replaced.

    `runtime` is the package onnxruntime-web as a folder or .tgz; npm fetches it where it is not
    given. Raises UserError as `export_onnx` and `load_runtime` do, for models of one name or that
    no page can draw, and where `out` holds what no export wrote.
    """
    watch = watch or Watch()
    with replacing_folder(out) as folder:
        files = load_runtime(runtime, watch)
        _copy_page(resources.files("pix2pix") / "drawing" / "static", folder)
        _write_runtime(folder, files)
        cards, networks = [], []
        for name, model in zip(model_names(models), models, strict=True):
            card, network = _write_model(name, model, folder, precision, mode, watch)
            cards.append(card)
            networks.append(network)
        _write_json(folder / "models.json", {"models": cards})
        (folder / "_headers").write_text(_HEADERS, "utf-8")
        _write_service_worker(folder)
    sizes = {name: (out / name).stat().st_size for name in files_below(out)}
    return Site(out, sum(sizes.values()), _first_visit(out, sizes), networks)


def _copy_page(page: Traversable, folder: Path) -> None:
    """The page's own files, with index.html pointed at models.json."""
    folder.mkdir(exist_ok=True)
    for file in page.iterdir():
        if file.is_dir():
            _copy_page(file, folder / file.name)
        elif file.name == "index.html":
            text, count = re.subn(
                r'(<meta name="pix2pix-models" content=")[^"]*',
                r"\1models.json",
                file.read_text("utf-8"),
            )
            assert count == 1
            (folder / file.name).write_text(text, "utf-8")
        else:
            (folder / file.name).write_bytes(file.read_bytes())


def _write_runtime(folder: Path, files: dict[str, bytes]) -> None:
    """The modules as they are; the binaries packed, as few hosts would pack them on the way."""
    place = folder / "runtime"
    place.mkdir()
    backends = {}
    for backend, (module, binary) in FILES.items():
        (place / module).write_bytes(files[module])
        packed = write_parts(files[binary], folder, "runtime", compress=True)
        backends[backend] = {"module": f"runtime/{module}", "binary": packed}
    _write_json(folder / "runtime.json", {"version": VERSION, **backends})
    # The archive has no licence in it; the same sources' Python package has.
    for name in ("LICENSE", "ThirdPartyNotices.txt"):
        notice = resources.files("onnxruntime") / name
        if notice.is_file():
            (place / name).write_bytes(notice.read_bytes())


def _write_model(
    name: str, model: Path, folder: Path, precision: Precision, mode: Mode | None, watch: Watch
) -> tuple[dict[str, Any], Exported]:
    """A model's network and examples; its card, and what is known of the network."""
    header = load_model(model, torch.device("cpu"))[1]
    found = find_examples(model, header.image)
    card = make_card(name, header, found)
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "network.onnx"
        exported = export_onnx(
            model, file, precision=precision, mode=mode, dynamic=True, watch=watch
        )
        network = write_parts(file.read_bytes(), folder, "networks")
        check = _check(file, header, exported.facts)
    # Masks are inputs, so that noise can be left off as well.
    chosen = exported.facts["mode"]
    modes = ("paper", "deterministic") if chosen == "paper" else (chosen,)
    about = {key: exported.facts[key] for key in ("precision", "noise")}
    place = f"examples/{network['sha256'][:16]}"
    written = card.model_copy(
        update={
            "mode": chosen,
            "modes": modes,
            "network": network | about | {"check": check},
            "examples": tuple(_write_example(e, header.image, folder, place) for e in found),
        }
    )
    return written.model_dump(mode="json"), exported


def _write_example(example: Example, image: ImageContract, folder: Path, place: str) -> KnownPair:
    source, target = view(example, image)
    stem = f"{place}/{hashlib.sha256(example.name.encode()).hexdigest()[:8]}"
    image_files.write(source, folder / f"{stem}-source.png")  # labels stand no loss
    if target is not None:
        image_files.write(target, folder / f"{stem}-target.jpg")
    there = f"{stem}-target.jpg" if target is not None else None
    return KnownPair(name=example.name, source=f"{stem}-source.png", target=there)


def _check(file: Path, header: Header, facts: dict[str, Any]) -> dict[str, Any]:
    """Values of the output for a picture of noise, by which a page sees that its backend is right.

    Drivers of graphics cards have been known to be wrong.
    """
    multiple, channels = facts["multiple_px"], header.image.source.tensor_channels
    shape = channels, multiple, multiple
    keys = noise_keys(0, torch.zeros(1, dtype=torch.int64))
    source = keep_mask(keys, 0, shape, 0.5).float() * 2 - 1
    noise = [NoiseInput(**one) for one in facts["noise"]]
    output = runner(file)(source, keep_factors(noise, source, seed=0)).flatten()
    step = len(output) // _CHECK_VALUES
    values = [round(value, 5) for value in output[::step].tolist()]
    return {
        "channels": channels,
        "height": multiple,
        "width": multiple,
        "step": step,
        "values": values,
    }


def _write_service_worker(folder: Path) -> None:
    """Give the service worker its files, and by their digest a reason to be fetched again."""
    script = folder / "service-worker.js"
    files = sorted(files_below(folder) - {script.name, "_headers"})
    large = [name for name in files if name.endswith(".bin")]
    # Hosts send visitors of index.html on to the folder, and what was sent on cannot be kept.
    page = ["./" if name == "index.html" else name for name in files if _is_of_page(name)]
    known = {"digest": write_list(folder)[:16], "files": page, "large": large}
    text, count = re.subn(
        "const EXPORT = .*;",
        lambda _: f"const EXPORT = {json.dumps(known)};",
        script.read_text("utf-8"),
    )
    assert count == 1
    script.write_text(text, "utf-8")


def _is_of_page(name: str) -> bool:
    return not name.endswith((".bin", "LICENSE", "ThirdPartyNotices.txt"))


def _first_visit(folder: Path, sizes: dict[str, int]) -> int:
    """Bytes that a first visit to the first model downloads, without a graphics card."""
    models = json.loads((folder / "models.json").read_text("utf-8"))["models"]
    runtime = json.loads((folder / "runtime.json").read_text("utf-8"))
    page = sum(size for name, size in sizes.items() if _is_of_page(name))
    return page + models[0]["network"]["bytes"] + runtime["wasm"]["binary"]["bytes"]


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
