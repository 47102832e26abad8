"""From file to file: streamed pictures are the translator's own."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from pix2pix.errors import UserError
from pix2pix.inference import large, stream
from pix2pix.inference.folder import translate_items
from pix2pix.inference.items import Options, plan
from pix2pix.inference.large import Report
from pix2pix.inference.translator import Translator
from pix2pix.model_file import load_model
from pix2pix.networks.modes import in_mode
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.pictures.formats.opening import LIMIT
from tests.helpers import files_below, noise, settle, write, write_model, write_truncated
from tests.pictures.test_geo import geotiff

CLASSES = tuple(LabelClass(name=f"c{n}", colour=(n, 10 * n, 0)) for n in range(4))


@pytest.fixture(autouse=True)
def thin_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let layers of small pictures have several strips."""
    monkeypatch.setattr(stream, "STRIP_BYTES", 20_000)


def loaded(path: Path, *settings: str, **contracts: Any) -> Translator:
    """A translator whose outputs are spread over their range."""
    model = settle(write_model(path, *settings, **contracts))
    translator = Translator.load(model, "cpu", engine="torch")
    generator = translator.generator
    last = [weight for weight in generator.parameters() if weight.ndim == 4][-1]
    x = torch.rand(1, generator.source_channels, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with in_mode(generator, "deterministic"), torch.no_grad():
        last.mul_(0.5 / generator.logits(x).std())
    return translator


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return loaded(tmp_path_factory.mktemp("model") / "model.safetensors")


def tiles(path: Path, array: Array, **options: Any) -> Path:
    """A TIFF of 16 x 16 tiles."""
    layout = {"photometric": "rgb"} if array.ndim == 3 and array.dtype != np.float32 else {}
    tifffile.imwrite(path, array, tile=(16, 16), compression="zlib", metadata=None, **layout, **options)
    return path


def streamed(
    translator: Translator, source: Path, out: Path, report: Report | None = None, **more: Any
) -> Array:
    """The picture that streaming writes."""
    items = plan([str(source)], out, translator)
    options = Options(**{"stream": True, **more})
    assert translate_items(translator, items, options, streaming=report) == []
    return codec.read(items[0].output)


def whole(translator: Translator, source: Path, **more: Any) -> Array:
    return np.atleast_3d(np.asarray(translator.translate(source, **more)))


def largest_difference(one: Array, other: Array) -> float:
    assert one.shape == other.shape
    assert other.std() > 0.05 * (float(other.max()) - float(other.min()))
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max())


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
@pytest.mark.parametrize("mode", ["paper", "deterministic", "running"])
def test_a_streamed_picture_is_the_translators_own(
    tmp_path: Path, translator: Translator, name: str, mode: Any
) -> None:
    source = write(tmp_path / name, noise(75, 130))
    source = tiles(source, noise(75, 130)) if name == "a.tif" else source
    output = streamed(translator, source, tmp_path / "out", mode=mode, seed=3)
    assert largest_difference(output, whole(translator, source, mode=mode, seed=3)) <= 1
    assert files_below(tmp_path / "out") == {name}


def test_a_large_tiff_becomes_a_tiled_one(tmp_path: Path, translator: Translator) -> None:
    streamed(translator, tiles(tmp_path / "a.tif", noise(75, 130)), tmp_path / "out")
    with tifffile.TiffFile(tmp_path / "out" / "a.tif") as opened:
        assert opened.pages.first.is_tiled
        assert opened.pages.first.compression.name == "ADOBE_DEFLATE"


GREY_16 = PictureContract(channels=1, depth="uint16", high=65535, suffix=".tif")
FLOAT = PictureContract(channels=2, depth="float32", low=-3, high=5, suffix=".tif")


@pytest.mark.parametrize("target", [GREY_16, FLOAT], ids=["uint16", "float32"])
def test_more_than_8_bits_are_kept_in_float32(tmp_path: Path, target: PictureContract) -> None:
    translator = loaded(tmp_path / "model.safetensors", target=target)
    source = tiles(tmp_path / "a.tif", noise(40, 70))
    apart = largest_difference(streamed(translator, source, tmp_path / "out"), whole(translator, source))
    assert apart <= 1 + 1e-4 * (target.high - target.low)


def test_label_maps_come_and_go_as_they_are_kept(tmp_path: Path) -> None:
    contract = PictureContract(classes=CLASSES, one_hot=True, channels=3)
    target = contract.model_copy(update={"kept_as": "indexes"})
    settings = "data.target_one_hot=true", "data.target_labels=facades"
    translator = loaded(tmp_path / "model.safetensors", *settings, source=contract, target=target)
    labels = np.random.default_rng(0).integers(0, 4, (9, 13)).repeat(8, 0).repeat(8, 1)
    colours = np.array([c.colour for c in CLASSES], np.uint8)[labels]
    output = streamed(translator, tiles(tmp_path / "a.tif", colours), tmp_path / "out")
    expected = whole(translator, tmp_path / "a.tif")
    assert set(np.unique(output)) <= {0, 1, 2, 3}
    assert (output != expected).mean() < 0.01


def test_colour_is_added_to_the_lightness_of_a_photograph(tmp_path: Path) -> None:
    lightness = PictureContract(channels=1, depth="float32", low=0, high=100)
    ab = PictureContract(channels=2, depth="float32", low=-110, high=110)
    contracts = {"source": lightness, "target": ab, "photograph": PictureContract()}
    translator = loaded(tmp_path / "model.safetensors", "data.make=lab", **contracts)
    source = tiles(tmp_path / "a.tif", noise(40, 70))
    output = streamed(translator, source, tmp_path / "out", make=True)
    assert largest_difference(output, whole(translator, source, make=True)) <= 3


def test_sources_are_made_of_a_photograph_as_a_whole(tmp_path: Path) -> None:
    contracts = {"source": PictureContract(channels=1), "photograph": PictureContract()}
    translator = loaded(tmp_path / "model.safetensors", "data.make=edges", **contracts)
    smooth = np.linspace(0, 255, 75)[:, None, None] * np.ones((1, 130, 3))
    smooth[20:50, 40:90] = 30
    source = tiles(tmp_path / "a.tif", smooth.astype(np.uint8))
    output = streamed(translator, source, tmp_path / "out", make=True)
    assert largest_difference(output, whole(translator, source, make=True)) <= 1


def test_halves_are_taken(tmp_path: Path, translator: Translator) -> None:
    source = tiles(tmp_path / "a.tif", noise(40, 140))
    output = streamed(translator, source, tmp_path / "out", half="right")
    right = write(tmp_path / "right.png", geometry.half(noise(40, 140), "right", ""))
    assert largest_difference(output, whole(translator, right)) <= 1


def test_pictures_above_the_memory_are_streamed_and_the_others_are_not(
    tmp_path: Path, translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "free_memory", lambda device: 1_000_000)
    noted: list[str] = []
    report = Report()
    monkeypatch.setattr(report.progress, "log", noted.append)
    for name, size in (
        ("a.tif", (40, 40)),
        ("b.tif", (160, 160)),
        ("c.png", (40, 40)),
        ("d.png", (160, 150)),
    ):
        write(tmp_path / "in" / name, noise(*size))
    tiles(tmp_path / "in" / "b.tif", noise(160, 160))
    items = plan([str(tmp_path / "in")], tmp_path / "out", translator)
    assert translate_items(translator, items, Options(batch=2), streaming=report) == []
    about = [sentence for sentence in noted if "is streamed layer by layer: up to" in sentence]
    assert [sentence.partition(" ")[0].rpartition("/")[2] for sentence in about] == ["b.tif", "d.png"]
    for item in items:
        assert largest_difference(codec.read(item.output), whole(translator, item.source)) <= 1


def test_as_many_pictures_are_translated_at_a_time_as_the_memory_holds(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, larger = noise(40, 40), noise(160, 160)
    for free, sources, batch in (
        (2_500_000, [small], 8),
        (2_500_000, [small, larger], 1),
        (10_000_000, [larger], 5),
        (1, [small], 1),
        (None, [larger], 8),
    ):
        monkeypatch.setattr(large, "free_memory", lambda device, free=free: free)
        assert large.fitting_batch(translator, sources, 8) == batch


def test_what_takes_more_than_the_limit_as_floats_is_streamed_whatever_memory_is_free(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "free_memory", lambda device: None)
    floats = 4 * 6 * 160 * 160  # of source and translation
    for limit, whole_one, batch in ((floats + 1, True, 1), (floats - 1, False, 1), (3 * floats, True, 3)):
        monkeypatch.setenv(LIMIT, str(limit * 178 / 1e9))
        assert large.fits(translator, 160, 160) == whole_one
        monkeypatch.setattr(large, "free_memory", lambda device: 1e12)
        assert large.fitting_batch(translator, [noise(160, 160)], 8) == batch


def test_one_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path, translator: Translator) -> None:
    write(tmp_path / "in" / "a.png", noise(40, 40))
    write_truncated(tmp_path / "in" / "b.png")
    items = plan([str(tmp_path / "in")], tmp_path / "out", translator)
    (failure,) = translate_items(translator, items, Options(stream=True))
    assert "b.png cannot be read" in failure
    assert files_below(tmp_path / "out") == {"a.png"}
    with pytest.raises(UserError, match=r"b\.png cannot be read"):
        translate_items(translator, items, Options(stream=True, strict=True))


def test_a_broken_block_is_named_and_has_no_data(tmp_path: Path, translator: Translator) -> None:
    source, report = tiles(tmp_path / "a.tif", noise(75, 130)), Report()
    with tifffile.TiffFile(source) as opened:
        page = opened.pages.first
        place, count = page.dataoffsets[11], page.databytecounts[11]
    data = bytearray(source.read_bytes())
    data[place : place + count] = b"\xff" * count
    source.write_bytes(data)
    output = streamed(translator, source, tmp_path / "out", report)
    (sentence,) = report.damaged
    assert "the block of rows 16 to 31 and columns 32 to 47 cannot be read" in sentence
    assert not output[16:32, 32:48].any()
    assert output[32:48, 32:48].any()


@pytest.mark.parametrize(("nodata", "dtype"), [(0, "uint8"), (255, "uint8"), (-9999, "int16")])
def test_a_geotiff_keeps_its_place_and_its_nodata(tmp_path: Path, nodata: float, dtype: str) -> None:
    rasterio = pytest.importorskip("rasterio")
    source_contract = PictureContract(depth="float32") if dtype == "int16" else PictureContract()
    translator = loaded(tmp_path / "model.safetensors", source=source_contract)
    array = noise(75, 130).clip(1, 254).astype(dtype)
    array[10:20, 50:90] = nodata
    source = geotiff(tmp_path / "a.tif", array, nodata)
    output = streamed(translator, source, tmp_path / "out", stream=False)
    with rasterio.open(tmp_path / "out" / "a.tif") as out, rasterio.open(source) as like:
        assert (out.crs, out.transform) == (like.crs, like.transform)
        assert out.nodata == (nodata if dtype == "uint8" else 0)
        assert out.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        empty = (out.read_masks(1) == 0) & (out.read_masks(2) == 0) & (out.read_masks(3) == 0)
    assert empty.sum() == 400
    assert empty[10:20, 50:90].all()
    assert output.std() > 10


def test_pixels_without_data_are_the_middle_of_the_range_for_the_network(
    tmp_path: Path, translator: Translator
) -> None:
    pytest.importorskip("rasterio")
    array = noise(75, 130).clip(1, 254)
    array[10:20, 50:90] = 0
    source = geotiff(tmp_path / "a.tif", array, 0)
    output = streamed(translator, source, tmp_path / "out", stream=False)
    array[10:20, 50:90] = 127
    expected = whole(translator, write(tmp_path / "b.png", array))
    array[10:20, 50:90] = 0
    there = array.any(2)
    assert np.abs(output.astype(int) - expected)[there].max() <= 1


def test_without_rasterio_a_large_geotiff_is_refused_and_a_small_one_loses_its_place(
    tmp_path: Path, translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rasterio")
    source = geotiff(tmp_path / "a.tif", noise(75, 130))
    monkeypatch.setattr("pix2pix.pictures.geo.is_installed", lambda: False)
    with pytest.raises(UserError, match=r"a\.tif is a GeoTIFF.*pip install 'pix2pix\[geo\]'"):
        streamed(translator, source, tmp_path / "out")
    assert (
        largest_difference(
            streamed(translator, source, tmp_path / "out", stream=False), whole(translator, source)
        )
        <= 1
    )


def test_too_small_a_disk_is_said_before_anything_is_written(
    tmp_path: Path, translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiles(tmp_path / "a.tif", noise(75, 130))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    message = r"a\.tif \(130 x 75 px\) take 0\.\d MB in .*out, and its disk has 0\.0 MB free\. Free some"
    with pytest.raises(UserError, match=message):
        streamed(translator, source, tmp_path / "out")
    assert files_below(tmp_path / "out") == {".a.tif.stream/lock"}


def test_a_disk_that_fills_up_is_said_and_the_same_command_goes_on(
    tmp_path: Path, translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, opened = tiles(tmp_path / "a.tif", noise(75, 130)), Path.open

    def full(path: Path, *mode: Any, **more: Any) -> Any:
        return opened(Path("/dev/full") if path.name == "map-4.bin" else path, *mode, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match=r"map-4\.bin: No space left on device.*run the same command again"):
        streamed(translator, source, tmp_path / "out")
    assert not (tmp_path / "out" / "a.tif").exists()
    monkeypatch.undo()
    assert largest_difference(streamed(translator, source, tmp_path / "out"), whole(translator, source)) <= 1


@pytest.mark.parametrize(
    ("more", "message"),
    [({"samples": 3}, "one variant at a time.*--seed"), ({"size": 64}, "streamed and scaled at once")],
)
def test_what_cannot_be_streamed_is_refused(
    tmp_path: Path, translator: Translator, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        streamed(translator, tiles(tmp_path / "a.tif", noise(75, 130)), tmp_path / "out", **more)


def test_a_generator_without_a_plan_is_named(
    tmp_path: Path, translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(translator.generator), "plan", lambda self: ())
    with pytest.raises(UserError, match="the generator 'unet' has no plan of its layers"):
        streamed(translator, tiles(tmp_path / "a.tif", noise(75, 130)), tmp_path / "out")


def test_a_killed_command_goes_on_with_its_layer(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    source = tiles(tmp_path / "a.tif", noise(75, 130))
    arguments = [
        "translate",
        str(model),
        str(source),
        "-o",
        str(tmp_path / "out"),
        "--stream",
        "--device",
        "cpu",
    ]
    script = f"""
import os, signal
from pix2pix.inference.maps import MapFile
write = MapFile.write
def kill(self, start, rows):
    if self.path.name == "map-6.bin":
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, start, rows)
MapFile.write = kill
from pix2pix.cli.main import app
app({arguments!r})
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == -9
    assert not (tmp_path / "out" / "a.tif").exists()
    translator = Translator.load(model, "cpu", engine="torch")
    shares: list[str] = []
    report = Report()
    report.progress.update = lambda *rest: shares.append(rest[-1])
    output = streamed(translator, source, tmp_path / "out", report)
    assert shares[0].startswith("layer 6 of 10")
    assert largest_difference(output, whole(translator, source)) <= 1
    assert files_below(tmp_path / "out") == {"a.tif"}


def test_another_process_is_not_disturbed(tmp_path: Path, translator: Translator) -> None:
    fcntl = pytest.importorskip("fcntl")
    source = tiles(tmp_path / "a.tif", noise(75, 130))
    lock = tmp_path / "out" / ".a.tif.stream" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"Another process is translating .*a\.tif to .*a\.tif"):
            streamed(translator, source, tmp_path / "out")


def test_another_model_starts_anew(tmp_path: Path, translator: Translator) -> None:
    generator, header = load_model(write_model(tmp_path / "m.safetensors"), torch.device("cpu"))
    assert header == translator.header
    other = Translator.load(tmp_path / "m.safetensors", "cpu")
    assert other.digest() != translator.digest()
    assert other.digest() == Translator.load(tmp_path / "m.safetensors", "cpu").digest()
    assert len({*generator.state_dict()}) > 10
