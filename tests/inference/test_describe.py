import shlex
from pathlib import Path

import pytest

from pix2pix import __version__
from pix2pix.errors import UserError
from pix2pix.inference.describe import describe_model
from pix2pix.networks import empty_generator
from pix2pix.pictures.contract import LabelClass, PictureContract
from tests.helpers import small, write_model, write_text


def test_a_model_file_says_what_it_is(tmp_path: Path) -> None:
    target = PictureContract(channels=1, depth="float32", low=-1.5, high=40)
    model = write_model(tmp_path / "m.safetensors", "training.batch=4", target=target)
    lines = dict(describe_model(model))
    assert lines["generator"].startswith("unet, width 4, ")
    assert lines["norm"] == "batch, upsampling transposed, dropout 0.5"
    assert lines["source"] == "3 channels of uint8"
    assert lines["target"] == "1 channel of float32 from -1.5 to 40"
    assert lines["trained at"] == "32 x 32 px"
    assert lines["inference mode"] == "running"
    assert lines["trained on"] == "400 pairs, 1,200 images seen"
    assert lines["val_l1"] == "0.25"
    assert lines["data digest"] == "0123abcd"
    assert f"pix2pix {__version__}" in lines["made by"]
    assert "started from" not in lines


def test_weights_are_counted(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.safetensors", "model.width=64")
    generator = empty_generator(small("model.width=64"))
    weights = sum(parameter.numel() for parameter in generator.parameters())
    assert weights > 1e7
    assert f"{weights / 1e6:.2f} M weights" in dict(describe_model(model))["generator"]


@pytest.mark.parametrize("half", ["left", "right"])
def test_the_source_is_named_as_it_lay_on_disk(tmp_path: Path, half: str) -> None:
    model = write_model(tmp_path / "m.safetensors", f"data.source={half}", layout="side by side")
    lines, other = dict(describe_model(model)), {"left": "right", "right": "left"}[half]
    assert lines["source"].endswith(f", the {half} half of pairs")
    assert lines["target"].endswith(f", the {other} half of pairs")
    assert lines["translate"] == f"pix2pix translate {model} SOURCES -o OUT"
    assert lines["of such pairs"] == f"pix2pix translate {model} PAIRS -o OUT --half {half}"
    model = write_model(tmp_path / "m.safetensors", f"data.source={half}", layout="two folders")
    assert dict(describe_model(model))["source"] == "3 channels of uint8"


def test_label_maps_and_made_sources_are_lines(tmp_path: Path) -> None:
    classes = (LabelClass(name="sky", colour=(0, 0, 9)), LabelClass(name="sea", colour=(9, 0, 0)))
    labels = PictureContract(classes=classes, one_hot=True)
    model = write_model(tmp_path / "m.safetensors", source=labels)
    assert dict(describe_model(model))["source"] == "label map of 2 classes (sky, sea)"
    indexes = labels.model_copy(update={"kept_as": "indexes"})
    model = write_model(tmp_path / "m.safetensors", target=indexes)
    assert dict(describe_model(model))["target"] == "label map of 2 classes (sky, sea), by index"
    grey = PictureContract(channels=1)
    model = write_model(tmp_path / "m.safetensors", "data.make=gray", source=grey)
    lines = dict(describe_model(model))
    assert lines["source"] == "1 channel of uint8, made from photographs: gray"
    assert lines["translate"] == f"pix2pix translate {model} PHOTOGRAPHS -o OUT --make"


def test_a_range_that_is_not_the_whole_of_its_depth_is_named(tmp_path: Path) -> None:
    twelve_bits = PictureContract(channels=1, depth="uint16", high=4095)
    model = write_model(tmp_path / "m.safetensors", source=twelve_bits)
    assert dict(describe_model(model))["source"] == "1 channel of uint16 from 0 to 4095"


def test_the_line_to_copy_is_one_that_a_shell_reads(tmp_path: Path) -> None:
    model = write_model(tmp_path / "my runs" / "m.safetensors", layout="two folders")
    line = dict(describe_model(model))["translate"]
    assert shlex.split(line) == ["pix2pix", "translate", str(model), "SOURCES", "-o", "OUT"]


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.txt is not a whole \.safetensors file"):
        describe_model(write_text(tmp_path / "a.txt"))
