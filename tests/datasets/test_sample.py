from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.datasets.sample import PALETTE, draw, make_drawing, make_pair
from pix2pix.datasets.sample_render import LABEL, render
from pix2pix.errors import UserError
from tests.helpers import files_below

SIZES = (32, 64, 100, 128, 256)


def labelled(source: np.ndarray, name: str) -> np.ndarray:
    return (source == PALETTE[name]).all(axis=2)


def street(count: int = 24, size_px: int = 64) -> list[tuple[np.ndarray, np.ndarray]]:
    return [make_pair(0, index, size_px) for index in range(count)]


@pytest.mark.parametrize("size_px", SIZES)
def test_a_pair_is_two_pictures_of_the_size(size_px: int) -> None:
    for picture in make_pair(0, 1, size_px):
        assert picture.shape == (size_px, size_px, 3)
        assert picture.dtype == np.uint8


@pytest.mark.parametrize("size_px", SIZES)
def test_each_pixel_of_a_source_is_a_colour_of_the_palette(size_px: int) -> None:
    for index in range(4):
        source, _ = make_pair(3, index, size_px)
        assert {tuple(c) for c in source.reshape(-1, 3).tolist()} <= set(PALETTE.values())


def test_the_same_seed_and_index_give_the_same_bytes() -> None:
    for one, other in zip(make_pair(5, 9, 64), make_pair(5, 9, 64), strict=True):
        assert np.array_equal(one, other)


def test_other_indexes_and_other_seeds_give_other_buildings() -> None:
    sources = [make_pair(seed, index, 64)[0] for seed in (0, 1) for index in range(8)]
    assert not any(np.array_equal(a, b) for a, b in combinations(sources, 2))


def test_a_street_shows_every_label() -> None:
    seen = {name for source, _ in street() for name in PALETTE if labelled(source, name).any()}
    assert seen == set(PALETTE)


def test_a_building_is_one_layout_at_every_size() -> None:
    small, large = make_pair(0, 4, 64)[0], make_pair(0, 4, 128)[0]
    assert (small == large[::2, ::2]).all(axis=2).mean() > 0.95


def test_each_label_is_painted_in_its_own_way() -> None:
    pairs = street()
    colours = {
        name: np.concatenate([t[labelled(s, name)] for s, t in pairs]).mean(axis=0)
        for name in ("background", "wall", "door", "window", "shutter", "trim")
    }
    for one, other in combinations(colours, 2):
        assert np.abs(colours[one] - colours[other]).max() > 20, (one, other)


@pytest.mark.parametrize("make", [make_pair, make_drawing])
def test_the_target_follows_from_the_labels_alone(make: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    source, target = make(0, 2, 64)
    labels = np.zeros((64, 64), np.uint8)
    for name, index in LABEL.items():
        labels[labelled(source, name)] = index
    assert np.array_equal(render(labels), target)


def test_a_ledge_throws_its_shadow_down_and_to_the_right() -> None:
    bare = np.full((128, 128), LABEL["wall"], np.uint8)
    ledge = bare.copy()
    ledge[40:44, 40:80] = LABEL["balcony"]
    darker = render(ledge).astype(int).sum(axis=2) < render(bare).astype(int).sum(axis=2) - 60
    assert darker[45, 45:78].all()
    assert not darker[30:39].any()
    assert darker[40:44, 80:82].any()
    assert not darker[40:44, 36:39].any()


@pytest.mark.parametrize("name", PALETTE)
def test_a_map_of_a_single_label_can_be_drawn(name: str) -> None:
    assert render(np.full((32, 32), LABEL[name], np.uint8)).shape == (32, 32, 3)


def test_pairs_are_written_side_by_side_with_the_source_on_the_left(tmp_path: Path) -> None:
    draw(tmp_path, {"train": 2, "val": 1}, size_px=32, seed=7)
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.png"))
    assert written == ["train/0001.png", "train/0002.png", "val/0001.png"]
    with Image.open(tmp_path / "train" / "0002.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (32, 64, 3)
    source, target = make_pair(7, 1, 32)
    assert np.array_equal(pixels[:, :32], source)
    assert np.array_equal(pixels[:, 32:], target)


def test_a_drawing_under_way_has_fewer_parts_than_a_house_and_shapes_by_hand() -> None:
    walls = [
        [labelled(make(0, n, 64)[0], "wall").mean() for n in range(24)] for make in (make_drawing, make_pair)
    ]
    assert np.mean(walls[0]) > np.mean(walls[1])
    # Sky at the foot of a house: no house has that.
    assert sum(labelled(make_drawing(0, n, 64)[0], "background")[-8:].any() for n in range(24))
    assert not sum(labelled(make_pair(0, n, 64)[0], "background")[-8:, 20:40].any() for n in range(24))


def test_the_share_of_drawings_is_of_the_pairs_to_learn_from_alone(tmp_path: Path) -> None:
    draw(tmp_path, {"train": 4, "val": 2}, 32, seed=3, drawings=0.5)
    expected = [make(3, n, 32)[0] for n, make in enumerate([make_pair, make_drawing] * 2 + [make_pair] * 2)]
    for path, source in zip(sorted(tmp_path.rglob("*.png")), expected, strict=True):
        with Image.open(path) as picture:
            assert np.array_equal(np.asarray(picture)[:, :32], source), path


def test_no_building_is_in_two_splits(tmp_path: Path) -> None:
    draw(tmp_path, {"train": 12, "val": 6, "test": 6}, size_px=32, seed=0)
    pictures = [path.read_bytes() for path in tmp_path.rglob("*.png")]
    assert len(set(pictures)) == 24


def test_procedural_pairs_are_whole_or_not_there(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    draw(tmp_path / "out", {"train": 2, "val": 1, "test": 0}, 32, 0, lambda *n: seen.append(n))
    assert files_below(tmp_path) == {"out/train/0001.png", "out/train/0002.png", "out/val/0001.png"}
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(UserError, match="exists"):
        draw(tmp_path / "out", {"train": 1}, 32, 0)
    with pytest.raises(UserError, match="No pairs are wanted"):
        draw(tmp_path / "none", {"train": 0}, 32, 0)

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(tmp_path / "half", {"train": 2}, 32, 0, stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
