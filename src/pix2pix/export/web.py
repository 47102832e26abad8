"""A folder for any static host: the drawing page, with networks that run inside it.

index.html, *.js ...   the page, as it is served too
models.json            what the page knows of the models
networks/, runtime/    what is large, in parts that every host takes
examples/              known pairs, and the result of the first
link.jpg               what a link to the page shows, where its address is known
service-worker.js      keeps it all for visits without a network
_headers               what hosts of that convention are to send along
"""

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
from PIL import Image

from pix2pix.config import Mode
from pix2pix.export import link_picture
from pix2pix.export.compare import Exported, Storage
from pix2pix.export.folder import files_below, replacing_folder, write_list, write_parts
from pix2pix.export.onnx import check_packages, export_onnx, runner
from pix2pix.export.runtime import FILES, VERSION, load_runtime
from pix2pix.inference.translator import Translator
from pix2pix.model_file import Header, ImageContract, read_header
from pix2pix.networks.graph import sample_side
from pix2pix.networks.noise import NoiseInput, keep_factors, keep_mask, noise_keys
from pix2pix.page.card import Card, KnownPair, make_card, model_names
from pix2pix.page.examples import Example, find_examples, view
from pix2pix.pictures import codec
from pix2pix.pictures.conform import to_view
from pix2pix.progress import Progress

_CHECK_VALUES = 64  # of an output, with which a browser compares its own
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
    """A written folder, its networks by the names of their models.

    `visit_bytes` is what a first visit without a graphics card downloads, of the first model.
    """

    path: Path
    size_bytes: int
    visit_bytes: int
    networks: dict[str, Exported]


@dataclass(frozen=True)
class _Plan:
    """A model that is to be written, and what the page will know of it."""

    path: Path
    header: Header
    examples: Sequence[Example]
    card: Card


def export_web(
    models: Sequence[Path],
    out: Path,
    *,
    precision: Storage = "fp16",
    mode: Mode | None = None,
    runtime: Path | None = None,
    url: str | None = None,
    progress: Progress | None = None,
) -> Site:
    """Write a page with these models, whole or not at all; an earlier export is replaced.

    `runtime` is the package onnxruntime-web as a folder or .tgz; without, npm fetches it. `url` is where
    the page will be: programs that show links need it to show a title and a picture. Raises UserError
    as `export_onnx` and `load_runtime` do, for models that no page can draw, and where `out` holds what
    no export wrote.
    """
    check_packages()
    address = link_picture.check_address(url) if url else None
    plans = [_plan(name, path) for name, path in zip(model_names(models), models, strict=True)]
    with replacing_folder(out) as folder:
        files = load_runtime(runtime, progress or Progress())
        _copy_page(resources.files("pix2pix.page") / "static", folder)
        wasm_bytes = _write_runtime(folder, files)
        written = [_write_model(plan, folder, precision, mode, progress) for plan in plans]
        cards = [card.model_dump(mode="json") for card, _ in written]
        _write_json(folder / "models.json", {"models": cards})
        if address:
            _add_link(plans[0].header.image, [card for card, _ in written], address, folder)
        (folder / "_headers").write_text(_HEADERS, "utf-8")
        _write_service_worker(folder)
    sizes = {name: (out / name).stat().st_size for name in files_below(out)}
    page_bytes = sum(size for name, size in sizes.items() if _is_of_page(name))
    visit_bytes = page_bytes + wasm_bytes + cards[0]["network"]["bytes"]
    return Site(out, sum(sizes.values()), visit_bytes, {card.name: network for card, network in written})


def _plan(name: str, path: Path) -> _Plan:
    """Raises UserError for a model that no page can draw; nothing is written yet."""
    header = read_header(path)
    examples = find_examples(path, header.image)
    return _Plan(path, header, examples, make_card(name, header, examples))


def _copy_page(page: Traversable, folder: Path) -> None:
    """Copy the page's own files, with index.html pointed at models.json."""
    folder.mkdir(exist_ok=True)
    for file in page.iterdir():
        if file.is_dir():
            _copy_page(file, folder / file.name)
        else:
            (folder / file.name).write_bytes(file.read_bytes())
            if file.name == "index.html":
                _replace(folder / file.name, '(?<=name="pix2pix-models" content=")[^"]*', "models.json")


def _add_link(image: ImageContract, cards: Sequence[Card], address: str, folder: Path) -> None:
    """Write what programs show of a link to the page; its picture is the first example and its result."""
    known = cards[0].examples
    if known and known[0].result:
        with Image.open(folder / known[0].source) as source, Image.open(folder / known[0].result) as result:
            out, is_label_map = folder / link_picture.FILE, bool(image.source.classes)
            link_picture.write_picture(source, result, out, is_label_map=is_label_map)
    tags = link_picture.tags(address, [card.name for card in cards], has_picture=bool(known))
    _replace(folder / "index.html", "(?=<title>)", tags)


def _replace(path: Path, pattern: str, text: str) -> None:
    """Replace the only match of the pattern in a text file."""
    replaced, count = re.subn(pattern, lambda _: text, path.read_text("utf-8"))
    assert count == 1
    path.write_text(replaced, "utf-8")


def _write_runtime(folder: Path, files: dict[str, bytes]) -> int:
    """Write the modules as they are and the binaries packed, which few hosts would do on the way.

    Modules are called .js: many hosts do not know that .mjs is JavaScript, and browsers insist.
    Returns the bytes of the plain binary.
    """
    place, backends = folder / "runtime", dict[str, dict[str, Any]]()
    place.mkdir()
    for backend, (module, binary) in FILES.items():
        script = f"{Path(module).stem}.js"
        (place / script).write_bytes(files[module])
        packed = write_parts(files[binary], folder, "runtime", compress=True)
        backends[backend] = {"module": f"runtime/{script}", "binary": packed}
    _write_json(folder / "runtime.json", {"version": VERSION, **backends})
    # The npm archive has no licence in it; the Python package of the same sources has.
    for name in ("LICENSE", "ThirdPartyNotices.txt"):
        notice = resources.files("onnxruntime") / name
        if notice.is_file():
            (place / name).write_bytes(notice.read_bytes())
    return int(backends["wasm"]["binary"]["bytes"])


def _write_model(
    plan: _Plan, folder: Path, precision: Storage, mode: Mode | None, progress: Progress | None
) -> tuple[Card, Exported]:
    """Write a model's network and examples; return its card with their addresses, and the export."""
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "network.onnx"
        exported = export_onnx(
            plan.path, file, precision=precision, mode=mode, dynamic=True, progress=progress
        )
        network = write_parts(file.read_bytes(), folder, "networks")
        network |= {key: exported.facts[key] for key in ("precision", "noise")}
        network["check"] = _check(file, plan.header, exported.facts)
    place, chosen = f"examples/{network['sha256'][:16]}", exported.facts["mode"]
    examples = [
        _write_example(example, plan.header.image, folder, f"{place}/{number:02d}")
        for number, example in enumerate(plan.examples)
    ]
    if examples:
        examples[0] = _add_result(plan, chosen, folder, examples[0])
    update = {
        "mode": chosen,
        # Masks are inputs, so that noise can be left off as well.
        "modes": ("paper", "deterministic") if chosen == "paper" else (chosen,),
        "network": network,
        "examples": tuple(examples),
    }
    return plan.card.model_copy(update=update), exported


def _write_example(example: Example, image: ImageContract, folder: Path, stem: str) -> KnownPair:
    source, target = view(example, image)
    pair = KnownPair(
        name=example.name,
        source=f"{stem}-source.png",  # labels must not change
        target=None if target is None else f"{stem}-target.jpg",
    )
    codec.write(source, folder / pair.source)
    if target is not None:
        codec.write(target, folder / str(pair.target))
    return pair


def _add_result(plan: _Plan, mode: Mode, folder: Path, first: KnownPair) -> KnownPair:
    """Write what the model makes of the first example: the page shows it while the network is on the way."""
    result = first.source.replace("-source.png", "-result.jpg")
    translator = Translator.load(plan.path, "cpu", engine="torch")
    translation = translator.translate(plan.examples[0].source.read(), mode=mode)
    if not isinstance(translation, Image.Image):
        contract = plan.header.image.lab_photograph or plan.header.image.target
        translation = codec.to_pillow(to_view(translation, contract))
    translation.convert("RGB").save(folder / result, quality=92, subsampling=0)
    return first.model_copy(update={"result": result})


def _check(file: Path, header: Header, facts: dict[str, Any]) -> dict[str, Any]:
    """Return some output values for a picture of noise, by which a page checks its backend.

    Drivers of graphics cards have been known to be wrong.
    """
    side = sample_side(facts["multiple_px"])
    shape = header.image.source.tensor_channels, side, side
    keys = noise_keys(0, torch.zeros(1, dtype=torch.int64))
    source = keep_mask(keys, 0, shape, 0.5).float() * 2 - 1
    noise = [NoiseInput(**one) for one in facts["noise"]]
    output = runner(file)(source, keep_factors(noise, source, seed=0)).flatten()
    step = len(output) // _CHECK_VALUES
    return {
        **dict(zip(("channels", "height", "width"), shape, strict=True)),
        "step": step,
        "values": [round(value, 5) for value in output[::step].tolist()],
    }


def _write_service_worker(folder: Path) -> None:
    """Write the list of files into the service worker, with their digest: a change renews it."""
    script = folder / "service-worker.js"
    files = sorted(files_below(folder) - {script.name, "_headers"})
    large = [name for name in files if name.endswith(".bin")]
    # Hosts redirect index.html to the folder, and a redirected answer cannot be kept.
    page = ["./" if name == "index.html" else name for name in files if _is_of_page(name)]
    known = {"digest": write_list(folder)[:16], "files": page, "large": large}
    _replace(script, "const EXPORT = .*;", f"const EXPORT = {json.dumps(known)};")


def _is_of_page(name: str) -> bool:
    return not name.endswith((".bin", "LICENSE", "ThirdPartyNotices.txt"))


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
