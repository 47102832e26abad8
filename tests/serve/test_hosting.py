from pathlib import Path

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.pictures.codec import read_bytes
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.serve.errors import RequestError
from pix2pix.serve.hosting import example_png, host
from tests.helpers import noise, write, write_model, write_text

CLASSES = (LabelClass(name="sky", colour=(0, 0, 255)), LabelClass(name="wall", colour=(9, 9, 9)))


def names(*paths: Path) -> list[str]:
    return list(host(paths))


def test_a_model_is_called_by_what_tells_most(tmp_path: Path) -> None:
    inside = write_model(tmp_path / "demo" / "training" / "model.safetensors")
    assert names(inside) == ["demo"]
    assert names(inside.parent) == ["demo"]
    assert names(write_model(tmp_path / "runs" / "facades" / "model.safetensors")) == ["facades"]
    assert names(write_model(tmp_path / "runs" / "shoes v2.safetensors")) == ["shoes-v2"]
    assert names(write_model(tmp_path / "Häuser.safetensors")) == ["Häuser"]


def test_equal_names_get_numbers(tmp_path: Path) -> None:
    paths = [write_model(tmp_path / f / "a.safetensors") for f in "xyz"]
    assert names(*paths) == ["a", "a-2", "a-3"]


def test_addresses_are_quoted(tmp_path: Path) -> None:
    (model,) = host([write_model(tmp_path / "é.safetensors")]).values()
    assert model.card.translate == "api/models/%C3%A9/translate"


@pytest.mark.parametrize(("megapixels", "largest"), [(4, 1024), (0.3, 544), (0.0001, 32)])
def test_a_page_offers_what_the_server_takes(tmp_path: Path, megapixels: float, largest: int) -> None:
    (model,) = host([write_model(tmp_path / "a.safetensors")], megapixels=megapixels).values()
    assert model.card.max_px == largest


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a whole \.safetensors"):
        host([write_text(tmp_path / "a.safetensors")])
    with pytest.raises(UserError, match="does not exist"):
        host([tmp_path / "none"])


def test_a_folder_of_examples_goes_with_one_model(tmp_path: Path) -> None:
    model, pictures = write_model(tmp_path / "a.safetensors"), tmp_path / "pictures"
    write(pictures / "x.png")
    (hosted,) = host([model], pictures).values()
    assert [example.name for example in hosted.card.examples] == ["x"]
    with pytest.raises(UserError, match="goes with one model"):
        host([model, model], pictures)


def test_an_example_of_class_numbers_is_shown_in_colours(tmp_path: Path) -> None:
    labels = PictureContract(channels=3, classes=CLASSES, one_hot=True)
    model = write_model(tmp_path / "a.safetensors", source=labels)
    index = np.array([[0, 1], [1, 0]], np.uint8)[:, :, None]
    write(tmp_path / "pictures" / "x.png", index)
    (hosted,) = host([model], tmp_path / "pictures").values()
    png = example_png(hosted.examples[0].source, hosted.header, target=False)
    shown = read_bytes(png, "x", lambda head: None)
    colours = np.array([c.colour for c in CLASSES])
    assert np.array_equal(shown, colours[index[:, :, 0]])


def test_an_example_of_16_bits_is_shown_in_8(tmp_path: Path) -> None:
    contract = PictureContract(depth="uint16", high=65535)
    model = write_model(tmp_path / "a.safetensors", source=contract)
    deep = noise(8, 8).astype(np.uint16) * 257
    write(tmp_path / "pictures" / "x.png", deep)
    (hosted,) = host([model], tmp_path / "pictures").values()
    png = example_png(hosted.examples[0].source, hosted.header, target=False)
    assert np.array_equal(read_bytes(png, "x", lambda head: None), deep // 257)


def test_a_model_that_learned_larger_than_the_limit_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_model(tmp_path / "a.safetensors")
    host([path], megapixels=0.01)
    assert not caplog.messages
    host([path], megapixels=0.001)
    assert "'a' learned at 32 x 32 px, more than --max-megapixels 0.001" in caplog.text


def test_an_example_that_went_is_reported_without_its_place(tmp_path: Path) -> None:
    model = write_model(tmp_path / "a.safetensors")
    write(tmp_path / "pictures" / "x.png")
    (hosted,) = host([model], tmp_path / "pictures").values()
    hosted.examples[0].source.path.unlink()
    with pytest.raises(RequestError, match=r"'x\.png' cannot be shown") as caught:
        example_png(hosted.examples[0].source, hosted.header, target=False)
    assert str(tmp_path) not in str(caught.value)
