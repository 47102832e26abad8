"""A folder for any static host: the drawing page, with networks that run inside it.

index.html, *.js ...   the page, as it is served too
models.json            what the page knows of the models
networks/, runtime/    what is large, in parts that every host takes
examples/              known pairs
service-worker.js      keeps it all for visits without a network
_headers               what hosts of that convention are to send along
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pix2pix.config import Mode
from pix2pix.export.checked import Exported
from pix2pix.export.folder import files_below, replacing_folder, write_list
from pix2pix.export.onnx import check_packages
from pix2pix.export.parts import write_parts
from pix2pix.export.precision import Precision
from pix2pix.export.runtime import FILES, VERSION, load_runtime
from pix2pix.export.web_model import plan, write_model
from pix2pix.page.card import model_names
from pix2pix.progress import Progress

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


@dataclass(frozen=True)
class Site:
    """A folder that was written, its networks by the names of their models.

    `visit_bytes` is what a first visit without a graphics card downloads, of the first model.
    """

    path: Path
    size_bytes: int
    visit_bytes: int
    networks: dict[str, Exported]


def export_web(
    models: Sequence[Path],
    out: Path,
    *,
    precision: Precision = "fp16",
    mode: Mode | None = None,
    runtime: Path | None = None,
    progress: Progress | None = None,
) -> Site:
    """Write a page with these models, whole or not at all; an earlier export is replaced.

    `runtime` is the package onnxruntime-web as a folder or .tgz; npm fetches it where it is not
    given. Raises UserError as `export_onnx` and `load_runtime` do, for models that no page can
    draw, and where `out` holds what no export wrote.
    """
    progress = progress or Progress()
    check_packages()
    plans = [plan(name, path) for name, path in zip(model_names(models), models, strict=True)]
    with replacing_folder(out) as folder:
        files = load_runtime(runtime, progress)
        _copy_page(resources.files("pix2pix.page") / "static", folder)
        _write_runtime(folder, files)
        written = [write_model(one, folder, precision, mode, progress) for one in plans]
        cards = [card.model_dump(mode="json") for card, _ in written]
        _write_json(folder / "models.json", {"models": cards})
        (folder / "_headers").write_text(_HEADERS, "utf-8")
        _write_service_worker(folder)
    sizes = {name: (out / name).stat().st_size for name in files_below(out)}
    networks = {card.name: network for card, network in written}
    return Site(out, sum(sizes.values()), _first_visit(out, sizes), networks)


def _copy_page(page: Traversable, folder: Path) -> None:
    """The page's own files, with index.html pointed at models.json."""
    folder.mkdir(exist_ok=True)
    for file in page.iterdir():
        if file.is_dir():
            _copy_page(file, folder / file.name)
        elif file.name == "index.html":
            text, count = re.subn(
                r'(<meta name="pix2pix-models" content=")[^"]*', r"\1models.json", file.read_text("utf-8")
            )
            assert count == 1
            (folder / file.name).write_text(text, "utf-8")
        else:
            (folder / file.name).write_bytes(file.read_bytes())


def _write_runtime(folder: Path, files: dict[str, bytes]) -> None:
    """The modules as they are; the binaries packed, as few hosts would pack them on the way.

    Modules are called .js: many hosts do not know that .mjs is JavaScript, and browsers insist.
    """
    place = folder / "runtime"
    place.mkdir()
    backends = {}
    for backend, (module, binary) in FILES.items():
        script = f"{Path(module).stem}.js"
        (place / script).write_bytes(files[module])
        packed = write_parts(files[binary], folder, "runtime", compress=True)
        backends[backend] = {"module": f"runtime/{script}", "binary": packed}
    _write_json(folder / "runtime.json", {"version": VERSION, **backends})
    # The archive has no licence in it; the same sources' Python package has.
    for name in ("LICENSE", "ThirdPartyNotices.txt"):
        notice = resources.files("onnxruntime") / name
        if notice.is_file():
            (place / name).write_bytes(notice.read_bytes())


def _write_service_worker(folder: Path) -> None:
    """Give the service worker its files, and by their digest a reason to be fetched again."""
    script = folder / "service-worker.js"
    files = sorted(files_below(folder) - {script.name, "_headers"})
    large = [name for name in files if name.endswith(".bin")]
    # Hosts send visitors of index.html on to the folder, and what was sent on cannot be kept.
    page = ["./" if name == "index.html" else name for name in files if _is_of_page(name)]
    known = {"digest": write_list(folder)[:16], "files": page, "large": large}
    text, count = re.subn(
        "const EXPORT = .*;", lambda _: f"const EXPORT = {json.dumps(known)};", script.read_text("utf-8")
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
    network: int = models[0]["network"]["bytes"]
    binary: int = runtime["wasm"]["binary"]["bytes"]
    return page + network + binary


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
