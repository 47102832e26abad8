"""`pix2pix translate`: which files it writes, and by which options."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec
from tests.cli.command import TINY, good, pix2pix, refused
from tests.helpers import files_below, noise, pixels, write


@pytest.mark.parametrize(
    "words",
    [["--batch", "0"], ["--samples", "0"], ["--seed", "-1"], ["--seed", str(2**32)], ["--loud"]],
    ids=" ".join,
)
def test_numbers_out_of_range_and_unknown_options_are_refused(model: Path, words: list[str]) -> None:
    write(Path("a.png"))
    result = pix2pix("translate", model, "a.png", "-o", "out", *words)
    assert result.exit_code == 2
    assert words[0] in result.stderr
    assert not Path("out").exists()


def test_files_folders_and_globs_together(model: Path, place: Path) -> None:
    for n, name in enumerate(["a.png", "in/b.png", "in/deep/c.png", "x/1/d.png", "x/2/e.png"]):
        write(place / name, noise(20, 30 + n, seed=n))
    said = good("translate", model, "a.png", "in", "x/*/*.png", "-o", "out", "--batch", "2")
    assert said == "5 of 5 pictures translated to out\n"
    assert files_below(place / "out") == {"a.png", "b.png", "deep/c.png", "1/d.png", "2/e.png"}
    assert pixels(place / "out" / "2" / "e.png").shape == (20, 34, 3)


def test_one_file_to_one_file_in_another_format(model: Path, place: Path) -> None:
    write(place / "a.png", noise(20, 30))
    good("translate", model, "a.png", "-o", "new/b.jpg")
    assert files_below(place / "new") == {"b.jpg"}
    assert pixels(place / "new" / "b.jpg").shape == (20, 30, 3)


@pytest.mark.parametrize("name", ["webp", ".webp", "WEBP"])
def test_format_replaces_the_endings(model: Path, place: Path, name: str) -> None:
    for source in ("in/a.png", "in/b.c.tif"):
        write(place / source)
    good("translate", model, "in", "-o", "out", "--format", name)
    assert files_below(place / "out") == {"a.webp", "b.c.webp"}


def test_a_picture_without_an_ending_gets_that_of_the_targets(model: Path, place: Path) -> None:
    write(place / "a.png").rename("picture")
    good("translate", model, "picture", "-o", "out")
    good("translate", model, "picture", "-o", "out", "--format", "webp")
    assert files_below(place / "out") == {"picture.png", "picture.webp"}


def test_photographs_train_and_are_translated_with_make(place: Path) -> None:
    for n in range(8):
        write(place / "photos" / f"{n}.jpg", noise(32, 32, 3, n))
    good("train", "photos", *TINY, "--make", "lab")
    model = "runs/photos/model.safetensors"
    assert "made from photographs: lab" in good("info", model)
    for words in ([], ["--make"]):
        good("translate", model, "photos/1.jpg", "-o", "out/1.png", *words)
        assert pixels(place / "out" / "1.png").shape == (32, 32, 3)


def test_make_is_refused_where_the_model_makes_nothing(model: Path, place: Path) -> None:
    write(place / "a.png")
    assert "it makes no sources" in refused("translate", model, "a.png", "-o", "out", "--make")


@pytest.mark.parametrize("recipe", ["lab", "downscale:4"])
def test_a_recipe_is_no_value_of_translate_make(model: Path, place: Path, recipe: str) -> None:
    write(place / "a.png")
    said = refused("translate", model, "a.png", "-o", "out", "--make", recipe)
    assert "--make takes no recipe here" in said
    assert f"Leave out '{recipe}'" in said
    assert "There is no file or folder gone" in refused("translate", model, "gone", "-o", "out", "--make")


def test_targets_of_16_bits_leave_in_16_bits(place: Path) -> None:
    for n in range(8):
        write(place / "grey" / f"{n}.jpg", noise(32, 32, 1, n))
        write(place / "deep" / f"{n}.png", noise(32, 32, 1, n).astype(np.uint16) * 257)
    good("train", "grey", "deep", *TINY)
    good("translate", "runs/grey/model.safetensors", "grey/1.jpg", "-o", "out")
    array = codec.read(place / "out" / "1.png")
    assert (array.dtype, array.shape) == (np.uint16, (32, 32, 1))
    said = refused("translate", "runs/grey/model.safetensors", "grey/1.jpg", "-o", "b.jpg")
    assert "cannot hold 1 channels of uint16" in said


def test_mode_and_seed_are_used(model: Path, place: Path) -> None:
    write(place / "a.png", noise(32, 32))
    translator = Translator.load(model, "cpu")
    for words, options in (
        ([], {}),
        (["--seed", "3"], {"seed": 3}),
        (["--mode", "deterministic"], {"mode": "deterministic"}),
    ):
        good("translate", model, "a.png", "-o", "out", "--device", "cpu", *words)
        wanted = np.asarray(translator.translate("a.png", **options))
        assert np.array_equal(pixels(place / "out" / "a.png"), wanted)


def test_samples_are_numbered_and_their_spread_is_shown(model: Path, place: Path) -> None:
    write(place / "a.png", noise(40, 30))
    good("translate", model, "a.png", "-o", "out", "--samples", "2")
    assert files_below(place / "out") == {"a-1.png", "a-2.png", "a-spread.png"}


def test_a_half_is_taken_and_a_forgotten_half_is_noted(model: Path, place: Path) -> None:
    write(place / "pair.png", noise(32, 64))
    result = pix2pix("translate", model, "pair.png", "-o", "out")
    assert result.exit_code == 0
    assert "if it is a pair, add --half left" in result.stderr
    assert pixels(place / "out" / "pair.png").shape == (32, 64, 3)

    result = pix2pix("translate", model, "pair.png", "-o", "out", "--half", "left")
    assert "--half" not in result.stderr
    assert pixels(place / "out" / "pair.png").shape == (32, 32, 3)


@pytest.mark.parametrize(("size", "noted"), [(16, "smaller"), (32, ""), (63, ""), (64, "larger")])
def test_pictures_much_larger_or_smaller_than_those_learned_are_noted(
    model: Path, place: Path, size: int, noted: str
) -> None:
    write(place / "a.png", noise(size, size))
    result = pix2pix("translate", model, "a.png", "-o", "out")
    assert result.exit_code == 0
    assert (f"shapes are {noted} here" in result.stderr) == bool(noted)
    assert ("--size train" in result.stderr) == bool(noted)
    assert "note:" not in pix2pix("translate", model, "a.png", "-o", "out", "--size", "train").stderr


@pytest.mark.parametrize("size", ["train", "40", "48x32"])
def test_pictures_are_scaled_for_the_network_and_keep_their_size(model: Path, place: Path, size: str) -> None:
    write(place / "in" / "a.png", noise(50, 70))
    good("translate", model, "in", "-o", "plain")
    good("translate", model, "in", "-o", "out", "--size", size)
    good("translate", model, "in", "-o", "many", "--size", size, "--samples", "2")
    scaled = pixels(place / "out" / "a.png")
    assert scaled.shape == (50, 70, 3)
    assert abs(scaled.astype(int) - pixels(place / "plain" / "a.png")).mean() > 1
    for name, shape in (("a-1", (50, 70, 3)), ("a-2", (50, 70, 3)), ("a-spread", (50, 70))):
        assert pixels(place / "many" / f"{name}.png").shape == shape


def index_masks(place: Path) -> Path:
    """Photographs with masks of class indexes, and their palette; three of the masks' four colours."""
    (place / "three.toml").write_text(
        "".join(
            f'[[class]]\nname = "{name}"\ncolour = "{colour}"\n'
            for name, colour in (("sky", "#000009"), ("sea", "#090000"), ("road", "#c8c800"))
        )
    )
    for n in range(8):
        write(place / "photos" / f"{n}.jpg", noise(32, 32, 3, n))
        index = noise(32, 32, 1, n) % 3
        write(place / "masks" / f"{n}.png", index)
        picture = Image.fromarray(index[:, :, 0] + 1)
        picture.putpalette([1, 1, 1, 0, 0, 9, 9, 0, 0, 200, 200, 0])
        (place / "tables").mkdir(exist_ok=True)
        picture.save(place / "tables" / f"{n}.png")
    return place


@pytest.mark.parametrize(
    ("targets", "mode", "levels"), [("masks", "L", {0, 1, 2}), ("tables", "P", {1, 2, 3})]
)
def test_class_maps_come_back_as_they_came(place: Path, targets: str, mode: str, levels: set[int]) -> None:
    index_masks(place)
    classes = ("data.target_labels='three.toml'", "data.target_one_hot=true")
    words = [word for setting in classes for word in ("--set", setting)]
    good("train", "photos", targets, *TINY, *words, "--run", "run")
    good("translate", "run", "photos", "-o", "out")
    good("translate", "run", "photos/1.jpg", "-o", "colours", "--format", "png")
    with Image.open(place / "out" / "1.png") as picture:
        assert picture.mode == mode
        assert set(np.unique(np.asarray(picture))) <= levels
        if mode == "P":
            assert picture.getpalette()[:12] == [1, 1, 1, 0, 0, 9, 9, 0, 0, 200, 200, 0]
            assert np.array_equal(np.asarray(picture.convert("RGB")), pixels(place / "colours" / "1.png"))
    assert pixels(place / "colours" / "1.png").shape == (32, 32, 3)
    assert Translator.load("run", "cpu").translate("photos/1.jpg").mode == mode
    # What came out is what training reads.
    good("train", "photos", "out", *TINY, *words, "--run", "again", "--dry-run")
