import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pix2pix.derive.recipe import Recipe, apply, digest, parse
from pix2pix.errors import UserError
from pix2pix.pictures import codec
from tests.derive.photographs import DEPTHS, photograph
from tests.helpers import noise, write

Array = NDArray[np.generic]
TEXTS = ("gray", "lab", "edges", "inpaint", "inpaint:boxes", "downscale:4")


numbers = st.floats(0.001, 1)
recipes = st.one_of(
    st.sampled_from([Recipe("gray"), Recipe("lab"), Recipe("inpaint", "centre")]),
    st.builds(
        lambda ends, sigma_px: Recipe("edges", "", (*sorted(ends), sigma_px)),
        st.tuples(numbers, numbers),
        st.floats(0.1, 100),
    ),
    st.builds(lambda count: Recipe("inpaint", "boxes", (count,)), st.integers(1, 99)),
    st.builds(lambda factor: Recipe("downscale", "", (factor,)), st.integers(2, 256)),
    st.builds(lambda folder: Recipe("mask", folder), st.text(min_size=1)),
)


@given(recipes)
def test_a_recipe_reads_back(recipe: Recipe) -> None:
    assert parse(str(recipe)) == recipe


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("edges", "edges:0.1:0.25:1.8"),
        ("edges:0.2:0.3", "edges:0.2:0.3:1.8"),
        ("inpaint", "inpaint:centre"),
        ("inpaint:boxes", "inpaint:boxes:3"),
        ("mask:C:\\masks", "mask:C:\\masks"),
    ],
)
def test_what_is_left_out_is_stated(short: str, whole: str) -> None:
    assert str(parse(short)) == whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grey", "did you mean 'gray'?"),
        ("gray:", "did you mean 'gray'?"),
        ("edgs", "did you mean 'edges'?"),
        ("inpaint:center", "did you mean 'inpaint:centre'?"),
        ("downscale", "did you mean 'downscale:4'?"),
        ("mask:", "did you mean 'mask:FOLDER'?"),
        ("", "made by ''."),
        ("edges:0.1", "edges:0.1"),
        ("edges:a:1", "'a' is not a number from 0.001 to 1"),
        ("edges:nan:1", "'nan' is not a number"),
        ("edges:0:1", "'0' is not a number"),
        ("edges:0.3:0.2", "0.3 is above the higher 0.2"),
        ("edges:0.1:0.2:0", "'0' is not a number from 0.1 to 100"),
        ("edges:0.1:0.2:1:1", "edges:0.1:0.2:1:1"),
        ("inpaint:boxes:0", "'0' is not a whole number from 1 to 99"),
        ("inpaint:boxes:", "'' is not a whole number"),
        ("downscale:1", "'1' is not a whole number from 2"),
        ("downscale:2.5", "'2.5' is not a whole number"),
    ],
)
def test_an_impossible_recipe_is_refused_with_what_is_possible(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse(text)
    assert message in error.value.message
    assert "gray, lab, edges" in error.value.hint


@given(st.text())
def test_any_text_is_a_recipe_or_refused(text: str) -> None:
    with contextlib.suppress(UserError):
        assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (37, 1000), (33, 65)])
def test_every_size_and_depth_gives_a_source(text: str, dtype: str, size: tuple[int, int]) -> None:
    picture = photograph(*size, dtype)
    before = picture.copy()
    source = apply(parse(text), picture, "a/b")
    kind = parse(text).kind
    assert source.shape == (*size, 1 if kind in ("gray", "lab", "edges") else 3)
    assert source.dtype == {"edges": "uint8", "lab": "float32"}.get(kind, dtype)
    if kind not in ("edges", "lab") and size != (1, 1):  # a hole over all has no range to keep
        assert picture.min() <= source.min()
        assert source.max() <= picture.max()
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("text", ["gray", "lab", "edges"])
def test_alpha_is_no_colour(text: str) -> None:
    for opaque in (photograph(40, 40, channels=3), photograph(40, 40, channels=1)):
        clear = np.concatenate([opaque, noise(40, 40, 1, seed=1)], axis=2)
        expected = apply(parse(text), opaque, "a")
        np.testing.assert_array_equal(apply(parse(text), clear, "a"), expected)


@pytest.mark.parametrize("text", ["inpaint", "inpaint:boxes", "downscale:3"])
def test_pictures_of_many_channels_keep_them(text: str) -> None:
    assert apply(parse(text), photograph(20, 30, channels=7), "a").shape == (20, 30, 7)


@pytest.mark.parametrize("text", ["gray", "lab"])
def test_what_has_no_colours_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="7 channels"):
        apply(parse(text), photograph(4, 4, channels=7), "a")


def test_gray_is_the_grey_of_pillow_at_every_depth() -> None:
    picture = photograph(50, 60)
    expected = np.asarray(codec.to_pillow(picture).convert("L"), float)
    for dtype, white in (("uint8", 255), ("uint16", 65535), ("float32", 1)):
        gray = apply(parse("gray"), photograph(50, 60, dtype), "a")[:, :, 0]
        assert abs(gray * (255 / white) - expected).max() <= 1


@pytest.mark.parametrize("dtype", DEPTHS)
def test_gray_leaves_grey_as_it_is(dtype: str) -> None:
    picture = photograph(16, 16, dtype, channels=1)
    for grey in (picture, picture.repeat(3, axis=2)):
        np.testing.assert_allclose(apply(parse("gray"), grey, "a"), picture, rtol=1e-6)


@pytest.mark.parametrize("dtype", DEPTHS)
def test_downscale_leaves_flat_pictures_as_they_are(dtype: str) -> None:
    flat = np.full((7, 10, 2), 200, dtype)
    np.testing.assert_array_equal(apply(parse("downscale:4"), flat, "a"), flat)


@pytest.mark.parametrize("dtype", DEPTHS)
def test_downscale_averages(dtype: str) -> None:
    picture = photograph(9, 5, dtype)
    source = apply(parse("downscale:9"), picture, "a").astype(float)
    white = 1 if dtype == "float32" else np.iinfo(dtype).max
    np.testing.assert_allclose(source / white, picture.mean((0, 1)) / white + 0 * source, atol=3e-3)


@pytest.mark.parametrize("size", [64, 61])
def test_downscale_moves_nothing(size: int) -> None:
    ramp = np.linspace(0, 1, size, dtype=np.float32)[:, None, None].repeat(size, 1)
    source = apply(parse("downscale:4"), ramp, "a")
    np.testing.assert_allclose(source[8:-8], ramp[8:-8], atol=1e-3)


def test_the_digest_of_a_recipe_follows_the_weights_that_it_names(tmp_path: Path) -> None:
    recipe = parse(f"hed:{tmp_path / 'hed.pth'}")
    with pytest.raises(UserError, match=r"hed\.pth: No such file"):
        digest(recipe)
    digests = []
    for content in (b"one", b"another"):
        (tmp_path / "hed.pth").write_bytes(content)
        digests.append(digest(recipe))
    assert digests[0] != digests[1]
    assert {digest(parse(text)) for text in TEXTS} == {""}


def test_the_digest_of_a_recipe_follows_its_masks(tmp_path: Path) -> None:
    recipe = parse(f"mask:{tmp_path}")
    digests = [digest(recipe)]
    for white in (0, 255):
        mask = write(tmp_path / "a.png", np.full((8, 8, 1), white, np.uint8))
        os.utime(mask, ns=(white, white))
        digests.append(digest(recipe))
    assert len(set(digests)) == 3
    assert digest(recipe) == digests[-1]
