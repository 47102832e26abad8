from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import Config
from pix2pix.data.labels import find_labels, hints, with_found_labels
from pix2pix.data.reading import find_reading
from pix2pix.errors import UserError
from pix2pix.pairs.find import Pair, find_pairs
from pix2pix.pictures.codec import Array
from tests.helpers import SMALL, scene, write

COLOURS = np.array([(0, 0, 0), (128, 64, 128), (70, 70, 70), (250, 170, 30)], np.uint8)


def areas(seed: int) -> Array:
    """(48, 64, 1) class indexes from 0 to 3 in areas."""
    index = scene(seed, 12, 16, 1) // 64
    return np.kron(index[:, :, 0], np.ones((4, 4), np.uint8))[:, :, None]


def lay(root: Path, maps: str, half: str = "target", suffix: str = ".png", count: int = 12) -> list[Pair]:
    """Photographs and label maps of the same names; `half` is the one of maps."""
    other = {"source": "target", "target": "source"}[half]
    for n in range(count):
        write(root / other / f"{n}.png", scene(n, 48, 64))
        index = areas(n)
        array = {"indexes": index, "colours": COLOURS[index[:, :, 0]], "mask": (index > 1) * np.uint8(255)}
        write(root / half / f"{n}{suffix}", array[maps])
    return [*find_pairs([root], "left").splits["train"]]


@pytest.mark.parametrize(
    ("maps", "suffix", "classes", "kind"),
    [
        ("indexes", ".png", 4, "class indexes"),
        ("colours", ".png", 4, "colours"),
        ("mask", ".png", 2, "colours"),
        ("mask", ".tif", 2, "colours"),
    ],
)
def test_label_maps_get_a_hint_with_settings_that_work(
    tmp_path: Path, maps: str, suffix: str, classes: int, kind: str
) -> None:
    pairs = lay(tmp_path, maps, suffix=suffix)
    (hint,) = hints(Config(), pairs)
    assert f"the targets are label maps ({kind} of {classes} classes)" in hint
    assert "--run NAME" in hint
    settings = hint.partition("as classes: ")[2].partition(" (or")[0].replace("--set ", "").split()
    assert settings == ["data.target_labels=auto", "data.target_one_hot=true"]
    config = Config.load(None, [*SMALL, *settings])
    assert hints(config, pairs) == []
    target = find_reading(pairs, config).target
    assert (len(target.classes), target.one_hot) == (classes, True)


def test_masks_as_gif_are_label_maps(tmp_path: Path) -> None:
    for n in range(12):
        write(tmp_path / "images" / f"{n}.png", scene(n, 48, 64))
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray((areas(n)[:, :, 0] > 1) * np.uint8(255)).save(tmp_path / "masks" / f"{n}.gif")
    pairs = find_pairs([tmp_path], "left").splits["train"]
    assert "the targets are label maps (colours of 2 classes)" in hints(Config(), pairs)[0]
    assert find_reading(pairs, Config.load(None, SMALL)).target.suffix == ".png"


def test_blurred_maps_are_snapped(tmp_path: Path) -> None:
    pairs = lay(tmp_path, "colours", "source", ".jpg")
    (hint,) = hints(Config(), pairs)
    assert "--set data.source_labels=auto --set data.snap_labels=true" in hint
    assert "one_hot" not in hint


def test_photographs_get_no_hint(tmp_path: Path) -> None:
    for half in ("source", "target"):
        for n in range(12):
            write(tmp_path / half / f"{n}.png", scene(n + 99 * (half == "source"), 48, 64))
    pairs = find_pairs([tmp_path], "left").splits["train"]
    assert hints(Config(), pairs) == []
    assert find_labels(pairs, "source") is None
    with pytest.raises(UserError, match="neither sources nor targets are label maps"):
        with_found_labels(Config.load(None, ["data.labels=auto"]), pairs)
    with pytest.raises(UserError, match=r"they share no classes\. Is the direction swapped"):
        find_reading(pairs, Config.load(None, ["data.source_labels=auto"]))


def test_labels_auto_takes_the_halves_that_are_label_maps(tmp_path: Path) -> None:
    pairs = lay(tmp_path, "indexes")
    config = with_found_labels(Config.load(None, ["data.labels=auto"]), pairs)
    assert (config.data.source_labels, config.data.target_labels) == ("", "auto")
    assert config.data.target_one_hot
    assert with_found_labels(config, pairs) == config  # so that a run goes on
    assert with_found_labels(Config(), pairs) == Config()


@pytest.mark.parametrize("snap", ["true", "false"])
def test_photographs_in_place_of_label_maps_are_named(tmp_path: Path, snap: str) -> None:
    pairs = lay(tmp_path, "colours", "target")
    settings = ["data.source_labels=facades", f"data.snap_labels={snap}"]
    with pytest.raises(UserError, match=r"is no label map, but data\.source_labels") as caught:
        find_reading(pairs, Config.load(None, settings))
    assert "Is the direction swapped? Name the folders" in str(caught.value)


def test_the_halves_of_pairs_side_by_side_are_swapped_by_a_setting(tmp_path: Path) -> None:
    for n in range(12):
        both = np.concatenate([scene(n, 48, 64), COLOURS[areas(n)[:, :, 0]]], axis=1)
        write(tmp_path / f"{n}.png", both)
    pairs = find_pairs([tmp_path], "left").splits["train"]
    assert hints(Config(), pairs)[0].endswith("to make pictures of them instead: --set data.source=right")
    with pytest.raises(UserError, match=r"--set data\.source=right makes the right half the source"):
        find_reading(pairs, Config.load(None, ["data.source_labels=auto"]))
    swapped = find_pairs([tmp_path], "right").splits["train"]
    contract = find_reading(swapped, Config.load(None, ["data.source_labels=auto"])).source
    assert {c.colour for c in contract.classes} == {tuple(colour) for colour in COLOURS.tolist()}


def test_a_palette_that_is_not_there_could_be_found(tmp_path: Path) -> None:
    pairs = lay(tmp_path, "indexes")
    with pytest.raises(UserError, match=r"no palette 'camvid'.*facades, auto, or a \.toml file"):
        find_reading(pairs, Config.load(None, ["data.target_labels=camvid"]))
