"""The folder that `pix2pix export --web` writes; the runtime in it is an empty stand-in."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.export import runtime
from pix2pix.export.onnx import runner
from pix2pix.export.web import Site, export_web
from pix2pix.inference.translator import Translator
from pix2pix.page.card import Card
from pix2pix.pictures import codec
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import files_below, noise, write, write_model

PAGE = Path(__file__).parents[2] / "src/pix2pix/page/static"
CLASSES = tuple(LabelClass(name=n, colour=c) for n, c in (("sky", (0, 0, 255)), ("wall", (9, 9, 9))))


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package with files of the right names, which are taken for the right ones."""
    place = tmp_path_factory.mktemp("package")
    (place / "dist").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in runtime.SHA256:
            (place / "dist" / name).write_text(name)
            digest = hashlib.sha256(name.encode()).hexdigest()
            patch.setitem(runtime.SHA256, name, digest)
        yield place


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of labels with two known pairs next to it."""
    place = tmp_path_factory.mktemp("towns")
    for number in range(2):
        labels = np.array([c.colour for c in CLASSES], np.uint8)[noise(32, 32, 1)[:, :, 0] % 2]
        write(place / "examples" / "source" / f"{number}.png", labels)
        write(place / "examples" / "target" / f"{number}.png")
    source = PictureContract(classes=CLASSES, one_hot=True)
    return write_model(place / "model.safetensors", source=source)


@pytest.fixture(scope="module")
def site(model: Path, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An export, to be looked at and not to be changed."""
    out = tmp_path_factory.mktemp("export") / "site"
    return export_web([model], out, precision="fp32", runtime=package)


def read_json(site: Site, name: str) -> Any:
    return json.loads((site.path / name).read_text("utf-8"))


def whole(site: Site, file: dict[str, Any]) -> bytes:
    return b"".join((site.path / part["file"]).read_bytes() for part in file["parts"])


def service_worker(site: Site) -> dict[str, Any]:
    script = (site.path / "service-worker.js").read_text("utf-8")
    match = re.search("const EXPORT = (.*);", script)
    assert match
    known: dict[str, Any] = json.loads(match[1])
    return known


def test_the_page_is_there_and_asks_for_the_list_of_models(site: Site) -> None:
    there = files_below(site.path)
    assert files_below(PAGE) <= there
    index = (site.path / "index.html").read_text("utf-8")
    assert '<meta name="pix2pix-models" content="models.json">' in index
    served = (PAGE / "index.html").read_text("utf-8")
    assert index.replace("models.json", "api/models") == served


def test_a_link_shows_a_picture_only_where_the_address_is_known(
    site: Site, model: Path, package: Path, tmp_path: Path
) -> None:
    assert "og:image" not in (site.path / "index.html").read_text("utf-8")
    out = tmp_path / "site"
    export_web([model], out, precision="fp32", runtime=package, url="https://example.org/draw")
    index = (out / "index.html").read_text("utf-8")
    assert '<meta property="og:image" content="https://example.org/draw/link.jpg">' in index
    assert (out / "link.jpg").is_file()
    with pytest.raises(UserError, match="is not the address"):
        export_web([model], out, runtime=package, url="example.org")


def test_the_card_says_what_runs_in_the_page(site: Site, model: Path) -> None:
    card = Card.model_validate(read_json(site, "models.json")["models"][0])
    assert card.name == model.parent.name
    assert (card.kind, card.mode, card.modes) == ("labels", "paper", ("paper", "deterministic"))
    assert card.translate is None
    assert card.network is not None
    assert card.network["precision"] == "fp32"
    assert [one["input"] for one in card.network["noise"]] == ["keep_0"]


def test_the_network_in_parts_is_the_exported_graph(site: Site, tmp_path: Path) -> None:
    import torch

    from pix2pix.networks.noise import NoiseInput, keep_factors, keep_mask, noise_keys

    network = read_json(site, "models.json")["models"][0]["network"]
    (tmp_path / "network.onnx").write_bytes(whole(site, network))
    check = network["check"]
    shape = check["channels"], check["height"], check["width"]
    keys = noise_keys(0, torch.tensor([0]))
    source = keep_mask(keys, 0, shape, 0.5).float() * 2 - 1
    factors = keep_factors([NoiseInput(**one) for one in network["noise"]], source, seed=0)
    output = runner(tmp_path / "network.onnx")(source, factors).flatten()
    assert len(check["values"]) >= 64
    values = output[:: check["step"]].tolist()
    assert values == pytest.approx(check["values"], abs=1e-4)
    assert np.ptp(values) > 0.1  # a check that any backend passes is none


def test_a_model_of_the_recipe_modern_runs_in_the_page_without_noise(package: Path, tmp_path: Path) -> None:
    modern = Config.load("modern", ["model.blocks=1"])
    changed = [f"{key}={value}" for key, value, _ in modern.differences(Config()) if "terms" not in key]
    model = write_model(tmp_path / "model.safetensors", *changed, "model.width=4", "data.size_px=32")
    site = export_web([model], tmp_path / "site", precision="fp32", runtime=package)
    network = read_json(site, "models.json")["models"][0]["network"]
    assert network["noise"] == []
    assert np.ptp(network["check"]["values"]) > 0.1


@pytest.mark.parametrize("settings", [("model.generator=resnet", "model.blocks=1"), ("model.depth=2",)])
def test_a_network_of_small_multiples_is_checked_where_all_of_it_is_used(
    package: Path, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    model = write_model(tmp_path / "model.safetensors", *settings)
    site = export_web([model], tmp_path / "site", precision="fp32", runtime=package)
    check = read_json(site, "models.json")["models"][0]["network"]["check"]
    assert (check["height"], check["width"]) == (32, 32)
    assert np.ptp(check["values"]) > 0.1


def test_examples_are_pictures_that_a_page_can_show(site: Site, model: Path) -> None:
    pairs = read_json(site, "models.json")["models"][0]["examples"]
    assert [pair["name"] for pair in pairs] == ["0", "1"]
    for pair in pairs:
        known = codec.read(model.parent / "examples" / "source" / f"{pair['name']}.png")
        assert np.array_equal(codec.read(site.path / pair["source"]), known)
        assert codec.read(site.path / pair["target"]).shape == (32, 32, 3)
    translated = Translator.load(model).translate(model.parent / "examples" / "source" / "0.png")
    shipped = codec.read(site.path / pairs[0]["result"]).astype(float)
    assert np.abs(shipped - np.asarray(translated)).mean() < 12  # JPEG
    assert pairs[1]["result"] is None


def test_the_runtime_is_there_with_its_licence(site: Site) -> None:
    written = read_json(site, "runtime.json")
    assert written["version"] == runtime.VERSION
    for backend, (module, _) in runtime.FILES.items():
        assert (site.path / written[backend]["module"]).read_text() == module
        assert written[backend]["module"].endswith(".js")  # hosts that do not know .mjs refuse it
        assert (
            hashlib.sha256(whole(site, written[backend]["binary"])).hexdigest()
            == (written[backend]["binary"]["sha256"])
        )
    assert "MIT" in (site.path / "runtime" / "LICENSE").read_text()


def test_the_service_worker_knows_every_file_of_the_page(site: Site) -> None:
    known = service_worker(site)
    files = {*known["files"], *known["large"]}
    unneeded = {"_headers", "export.json", "service-worker.js", "runtime/LICENSE"}
    unneeded |= {"runtime/ThirdPartyNotices.txt", "index.html"}
    assert files == files_below(site.path) - unneeded | {"./"}
    assert {file for file in files if file.endswith(".bin")} == set(known["large"])


def test_another_export_replaces_the_folder_and_renews_the_service_worker(
    site: Site, model: Path, package: Path, tmp_path: Path
) -> None:
    place = tmp_path / "site"
    shutil.copytree(site.path, place)
    other = export_web([model], place, precision="fp32", mode="deterministic", runtime=package)
    card = read_json(other, "models.json")["models"][0]
    assert (card["mode"], card["modes"]) == ("deterministic", ["deterministic"])
    assert service_worker(other)["digest"] != service_worker(site)["digest"]
    assert len(list((other.path / "networks").iterdir())) == 1


def test_what_cannot_be_exported_leaves_nothing(package: Path, tmp_path: Path) -> None:
    norm = write_model(tmp_path / "m" / "model.safetensors", "model.norm=instance")
    with pytest.raises(UserError, match="'running' needs running statistics"):
        export_web([norm], tmp_path / "site", mode="running", runtime=package)
    floats = PictureContract(depth="float32")
    undrawable = write_model(tmp_path / "f" / "model.safetensors", source=floats)
    with pytest.raises(UserError, match="a page can draw 8 or 16 bits"):
        export_web([undrawable], tmp_path / "site", runtime=package)
    assert files_below(tmp_path) == {"m/model.safetensors", "f/model.safetensors"}


def test_the_page_names_no_other_host() -> None:
    for file in PAGE.rglob("*"):
        if file.suffix in (".js", ".html", ".css", ".svg"):
            text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"""["'(`]\s*(https?:)?//\w""", text), file.name
