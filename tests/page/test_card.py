"""The tools that a page offers follow from the model's contract, else from its examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.model_file import load_model
from pix2pix.page.card import Card, make_card, model_names
from pix2pix.page.examples import find_examples
from pix2pix.pictures.codec import Array
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.pictures.palette_file import load_palette
from tests.helpers import noise, write, write_model

CLASSES = (LabelClass(name="sky", colour=(0, 0, 255)), LabelClass(name="road", colour=(90, 90, 90)))


def card(folder: Path, sources: list[Array], *settings: str, **contract: PictureContract) -> Card:
    path = write_model(folder / "model.safetensors", *settings, **contract)
    for number, source in enumerate(sources):
        write(folder / "examples" / "source" / f"{number}.png", source)
    _, header = load_model(path, torch.device("cpu"))
    return make_card("it", header, find_examples(path, header.image))


def label_maps() -> list[Array]:
    """Return maps in the colours of facades: mostly wall, with windows and a door."""
    colours = dict(zip(*(getattr(load_palette("facades"), k) for k in ("names", "colours")), strict=True))
    maps = []
    for shift in range(10):
        array = np.full((64, 64, 3), colours["wall"], np.uint8)
        for top, name in enumerate(("window", "door", "cornice", "balcony", "trim", "shutter")):
            array[8 * top : 8 * top + 8, shift : shift + 20] = colours[name]
        maps.append(array)
    return maps


def sketches(paper: int) -> list[Array]:
    lines = np.full((64, 64, 3), paper, np.uint8)
    lines[10:12, 5:50] = lines[10:40, 30:32] = 255 - paper
    return [lines] * 4


def test_classes_make_a_palette(tmp_path: Path) -> None:
    road = np.full((32, 32, 3), 90, np.uint8)
    result = card(tmp_path, [road], source=PictureContract(classes=CLASSES, one_hot=True))
    assert result.kind == "labels"
    assert [(s.name, s.colour) for s in result.palette] == [("sky", "#0000ff"), ("road", "#5a5a5a")]
    assert result.ground == 1  # what the examples show most


def test_a_card_states_where_the_model_comes_from(tmp_path: Path) -> None:
    result = card(tmp_path, [], "data.licence=CC BY 4.0")
    generator, header = load_model(tmp_path / "model.safetensors", torch.device("cpu"))
    assert result.about.licence == "CC BY 4.0"
    assert result.has_noise
    assert result.about.weights == sum(weight.numel() for weight in generator.parameters())
    assert (result.about.pairs, result.about.images_seen) == (
        header.provenance.pairs,
        header.provenance.images_seen,
    )


def test_label_maps_learned_as_colours_get_the_palette_of_their_examples(tmp_path: Path) -> None:
    result = card(tmp_path, label_maps())
    named = {swatch.name: swatch.colour for swatch in result.palette}
    assert result.kind == "labels"
    assert named["wall"] == "#0d3dfb"
    assert {"window", "door", "balcony"} <= set(named)
    assert result.palette[result.ground].name == "wall"


@pytest.mark.parametrize(("paper", "ink"), [(255, "black"), (0, "white")])
def test_drawings_of_lines_get_a_pen(tmp_path: Path, paper: int, ink: str) -> None:
    result = card(tmp_path, sketches(paper))
    assert (result.kind, result.palette[0].name, result.ground) == ("sketch", ink, 1)


def test_photographs_are_uploaded(tmp_path: Path) -> None:
    result = card(tmp_path, [noise(48, 48, seed=n) for n in range(10)])
    assert (result.kind, result.palette, result.ground) == ("photograph", (), -1)


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [("edges", "sketch"), ("inpaint", "mask"), ("gray", "photograph"), ("lab", "photograph")],
)
def test_made_sources_say_how_they_are_drawn(tmp_path: Path, recipe: str, kind: str) -> None:
    depth = "float32" if recipe == "lab" else "uint8"
    source = PictureContract(channels=1 if recipe != "inpaint" else 3, depth=depth)
    result = card(tmp_path, [], f"data.make={recipe}", source=source, photograph=PictureContract())
    assert result.kind == kind


def test_the_hole_is_the_grey_that_training_left_there(tmp_path: Path) -> None:
    from pix2pix.derive import recipe

    result = card(tmp_path, [], "data.make=inpaint", photograph=PictureContract())
    blank = recipe.apply(recipe.parse("inpaint"), noise(16, 16), "x")[8, 8]
    assert result.palette[0].colour == f"#{bytes(blank).hex()}"


def test_sizes_and_modes_are_those_of_the_network(tmp_path: Path) -> None:
    result = card(tmp_path, [], "data.size_px=[32, 64]", "model.norm='instance'")
    assert (result.size_px, result.multiple_px) == ((32, 64), 32)
    assert result.modes == ("paper", "deterministic")
    assert card(tmp_path, [], "model.generator=resnet").multiple_px == 4


def test_what_no_page_can_draw_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="12 channels of uint16"):
        card(tmp_path, [], source=PictureContract(channels=12, depth="uint16"))


def test_a_broken_example_is_left_out_with_a_note(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = tmp_path / "examples" / "source" / "broken.png"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"half of a copy")
    assert card(tmp_path, label_maps()).kind == "labels"
    assert "the example 'broken' is left out" in caplog.text


def test_names_differ_even_where_one_looks_numbered() -> None:
    paths = [Path(f"/{place}.safetensors") for place in ("x/a-3", "x/a", "y/a", "z/a", "x/a-3")]
    assert model_names(paths) == ["a-3", "a", "a-2", "a-4", "a-3-2"]
