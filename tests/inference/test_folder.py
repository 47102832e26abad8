from collections import Counter
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from pix2pix.config import DataConfig
from pix2pix.data.origins import find_data
from pix2pix.derive.recipe import source_and_target
from pix2pix.errors import UserError
from pix2pix.files import list_pictures
from pix2pix.inference import folder
from pix2pix.inference.folder import Item, Options, first_note, plan, translate_items
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.contract import PictureContract
from tests.helpers import (
    are_pictures,
    files_below,
    noise,
    pixels,
    plant,
    scene,
    trees,
    write,
    write_model,
    write_text,
    write_truncated,
)


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    folder = tmp_path_factory.mktemp("model")
    return Translator.load(write_model(folder / "m.safetensors", layout="side by side"), "cpu")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def item_of(source: Path, output: Path) -> Item:
    """The item of a file that was named alone."""
    return Item(source, output, source.stem)


def outputs(items: list[Item], out: Path) -> dict[str, str]:
    """Names of sources by the relative names of their outputs."""
    return {item.output.relative_to(out).as_posix(): item.source.name for item in items}


def gives(target: PictureContract) -> Any:
    """A translator as `plan` needs it: the pictures that come out."""
    image = SimpleNamespace(target=target)
    output = target.depth, target.channels
    return SimpleNamespace(output=output, header=SimpleNamespace(image=image))


RGB = gives(PictureContract())
WIDE = PictureContract(depth="uint16", high=65535, suffix=".tif")


def planned(inputs: list[str], out: Path, *rest: Any) -> list[Item]:
    return plan(inputs, out, RGB, *rest)


def refused(inputs: list[Path | str], out: Path, *rest: str | int) -> str:
    with pytest.raises(UserError) as caught:
        planned([str(item) for item in inputs], out, *rest)
    return str(caught.value)


# Plans


def test_files_keep_their_names(tmp_path: Path, out: Path) -> None:
    paths = [write_text(tmp_path / name) for name in ("a.png", "deep/b.jpg")]
    assert outputs(planned([str(path) for path in paths], out), out) == {"a.png": "a.png", "b.jpg": "b.jpg"}


def test_folders_keep_their_sub_folders(tmp_path: Path, out: Path) -> None:
    for name in ("in/b.png", "in/x/a.png", "in/x/y/c.webp", "in/notes.txt"):
        write_text(tmp_path / name)
    items = planned([str(tmp_path / "in")], out)
    assert list(outputs(items, out)) == ["b.png", "x/a.png", "x/y/c.webp"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("in/*.png", ["b.png"]),
        ("in/*/*.png", ["x/a.png"]),
        ("in/**/*.png", ["b.png", "x/a.png", "x/y/c.png"]),
        ("in/x/**/[ac].png", ["a.png", "y/c.png"]),
        ("i*/b.*", ["in/b.png"]),
    ],
)
def test_globs_keep_what_follows_their_fixed_part(
    tmp_path: Path, out: Path, pattern: str, names: list[str]
) -> None:
    for name in ("in/b.png", "in/x/a.png", "in/x/y/c.png", "in/b.txt"):
        write_text(tmp_path / name)
    (tmp_path / "in" / "folder.png").mkdir()
    assert list(outputs(planned([str(tmp_path / pattern)], out), out)) == names


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path, out: Path) -> None:
    path = write_text(tmp_path / "[1]*.png")
    write_text(tmp_path / "1.png")
    assert planned([str(path)], out) == [item_of(path, out / "[1]*.png")]


def test_a_suffix_replaces_the_pictures_own(tmp_path: Path, out: Path) -> None:
    for name in ("a.b.png", "x/c.JPG"):
        write_text(tmp_path / "in" / name)
    assert list(outputs(planned([str(tmp_path / "in")], out, ".webp"), out)) == ["a.b.webp", "x/c.webp"]


def test_a_single_picture_may_go_to_a_file(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.png")
    assert planned([str(path)], tmp_path / "b.jpg") == [item_of(path, tmp_path / "b.jpg")]
    (tmp_path / "folder.jpg").mkdir()
    (item,) = planned([str(path)], tmp_path / "folder.jpg")
    assert item.output == tmp_path / "folder.jpg" / "a.png"


def test_several_pictures_cannot_go_to_one_file(tmp_path: Path) -> None:
    paths = [write_text(tmp_path / name) for name in ("a.png", "b.png")]
    assert "2 pictures cannot all become" in refused(paths, tmp_path / "c.png")


def test_two_pictures_that_would_become_one_are_named(tmp_path: Path, out: Path) -> None:
    one, other = (write_text(tmp_path / name) for name in ("x/a.png", "y/a.png"))
    assert f"{one} and {other} would both become {out / 'a.png'}" in refused([one, other], out)
    pair = [write_text(tmp_path / name) for name in ("b.png", "b.jpg")]
    assert len(planned([str(path) for path in pair], out)) == 2
    assert f"would both become {out / 'b.webp'}" in refused(pair, out, ".webp")


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    path = write_text(tmp_path / "in" / "a.png")
    other = write_text(tmp_path / "in" / "b.png")
    (tmp_path / "link").symlink_to(path.parent)
    for inputs, out in (
        ([path.parent], path.parent),
        ([path], path),
        ([path, other], path.parent),
        ([path], path.parent / ".." / "in"),
        ([path], tmp_path / "link"),
    ):
        assert "a.png is an input and would be lost" in refused(inputs, out)


def test_variants_do_not_overwrite_an_input_either(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a-2.png")
    assert len(planned([str(path)], tmp_path / "a.png", None, 1)) == 1
    assert f"{path} is an input and would be lost" in refused([path], tmp_path / "a.png", None, 2)
    # Variants have names of their own, so they may lie next to their source.
    assert len(planned([str(path)], tmp_path, None, 2)) == 1


def test_what_is_not_there_is_named(tmp_path: Path, out: Path) -> None:
    assert f"There is no file or folder {tmp_path / 'gone'}" in refused([tmp_path / "gone"], out)
    assert "No picture matches" in refused([tmp_path / "*.png"], out)
    (tmp_path / "folder.png").mkdir()
    assert "No picture matches" in refused([tmp_path / "*.png"], out)
    assert f"{tmp_path} holds no pictures" in refused([tmp_path], out)
    assert "Cannot open xxx" in refused(["x" * 300], out)


@pytest.mark.parametrize(
    ("target", "name", "output"),
    [
        (PictureContract(), "a.JPG", "a.JPG"),
        (PictureContract(), "a", "a.png"),
        (PictureContract(channels=1, suffix=".jpg"), "a.webp", "a.jpg"),
        (WIDE, "a.png", "a.png"),
        (WIDE, "a.b.jpg", "a.b.tif"),
        (PictureContract(depth="uint16", high=65535, suffix=".jpg"), "a.jpg", "a.png"),
        (PictureContract(depth="float32", suffix=".png"), "a.png", "a.tif"),
        (PictureContract(channels=5, suffix=".npy"), "a.png", "a.npy"),
        (PictureContract(one_hot=True), "a.jpg", "a.png"),
    ],
)
def test_an_ending_that_cannot_hold_the_translation_becomes_that_of_the_targets(
    tmp_path: Path, out: Path, target: PictureContract, name: str, output: str
) -> None:
    (item,) = plan([str(write_text(tmp_path / name))], out, gives(target))
    assert item.output == out / output


def test_a_requested_ending_is_taken_or_refused(tmp_path: Path, out: Path) -> None:
    path = str(write_text(tmp_path / "a.png"))
    for rest in ((out, gives(WIDE), ".jpg"), (tmp_path / "b.jpg", gives(WIDE))):
        with pytest.raises(UserError, match=r"'\.jpg' cannot hold 3 channels of uint16") as caught:
            plan([path], *rest)
        assert ".png .tif" in caught.value.hint
    (item,) = plan([path], out, gives(PictureContract(one_hot=True)), ".jpg")
    assert item.output == out / "a.jpg"


def test_spreads_that_would_become_one_are_named(tmp_path: Path, out: Path) -> None:
    pair = [write_text(tmp_path / name) for name in ("b.png", "b.jpg")]
    assert f"would both become {out / 'b-spread.png'}" in refused(pair, out, None, 2)


@given(tree=trees())
def test_every_picture_of_any_tree_is_planned_under_its_own_name(
    tmp_path_factory: pytest.TempPathFactory, tree: list[PurePosixPath]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    out = root.with_name("out")
    found = are_pictures(plant(root, tree))
    if not found:
        assert "holds no pictures" in refused([root], out)
        return
    assert planned([str(root)], out) == [
        Item(root / path, out / path, path.with_suffix("").as_posix()) for path in found
    ]
    assert sorted(item.source for item in planned([f"{root}/**/*"], out)) == list_pictures(root)

    # Named one by one, or given another ending, two may fall together: then nothing is done.
    for inputs, suffix, names in (
        ([str(path) for path in list_pictures(root)], None, [path.name for path in found]),
        ([str(root)], ".png", [str(path.with_suffix(".png")) for path in found]),
    ):
        if max(Counter(names).values()) > 1:
            assert "would both become" in refused(inputs, out, suffix)
        else:
            items = planned(inputs, out, suffix)
            assert [item.output for item in items] == [out / name for name in names]


# Items


def test_pictures_are_translated_as_by_the_translator(
    translator: Translator, tmp_path: Path, out: Path
) -> None:
    for n, name in enumerate(["a.png", "x/b.png", "x/c.png"]):
        write(tmp_path / "in" / name, noise(20 + n, 50, seed=n))
    reports: list[tuple[int, int]] = []
    failures = translate_items(
        translator,
        plan([str(tmp_path / "in")], out, translator),
        Options(batch=2, seed=4),
        lambda done, total: reports.append((done, total)),
    )
    assert failures == []
    assert files_below(out) == {"a.png", "x/b.png", "x/c.png"}
    assert reports == [(2, 3), (3, 3)]
    for path in list_pictures(tmp_path / "in"):
        expected = np.asarray(translator.translate(path, seed=4)).astype(int)
        written = pixels(out / path.relative_to(tmp_path / "in"))
        assert abs(written - expected).max() <= 1  # rounding of a batch and of one alone


@pytest.mark.parametrize("half", ["left", "right"])
def test_one_half_of_a_pair_is_translated(
    translator: Translator, tmp_path: Path, out: Path, half: geometry.Side
) -> None:
    pair = noise(32, 64)
    translate_items(translator, [item_of(write(tmp_path / "p.png", pair), out / "p.png")], Options(half=half))
    side = pair[:, :32] if half == "left" else pair[:, 32:]
    assert np.array_equal(pixels(out / "p.png"), np.asarray(translator.translate(side)))


def test_variants_are_written_with_their_spread(translator: Translator, tmp_path: Path, out: Path) -> None:
    path = write(tmp_path / "a.b.png", noise(40, 50))
    translate_items(translator, [item_of(path, out / "a.b.png")], Options(samples=3, seed=2))
    assert files_below(out) == {"a.b-1.png", "a.b-2.png", "a.b-3.png", "a.b-spread.png"}
    result = translator.variants(path, 3, seed=2)
    for number, array in enumerate(result.pictures, 1):
        assert np.array_equal(pixels(out / f"a.b-{number}.png"), array)
    spread = pixels(out / "a.b-spread.png")
    assert spread.shape == (40, 50)
    assert spread.max() == 255
    assert abs(spread / 255 - result.spread / result.spread.max()).max() < 1 / 255


def test_a_model_without_dropout_has_a_black_spread(tmp_path: Path, out: Path) -> None:
    model = write_model(tmp_path / "m.safetensors", "model.dropout=0")
    item = item_of(write(tmp_path / "a.png"), out / "a.png")
    translate_items(Translator.load(model, "cpu"), [item], Options(samples=2))
    assert (pixels(out / "a-spread.png") == 0).all()


BAD = {"gone.png": lambda path: path, "text.jpg": write_text, "cut.jpg": write_truncated}


def test_bad_files_among_good_ones_are_skipped_and_named(
    translator: Translator, tmp_path: Path, out: Path
) -> None:
    good = [write(tmp_path / f"{n}.png", noise(32, 32, seed=n)) for n in range(12)]
    bad = [make(tmp_path / name) for name, make in BAD.items()]
    sources = [*good[:5], *bad, *good[5:]]
    failures = translate_items(translator, [item_of(path, out / path.name) for path in sources], Options())
    assert files_below(out) == {path.name for path in good}
    assert len(failures) == len(bad)
    for path, failure in zip(bad, failures, strict=True):
        assert str(path) in failure


def test_an_odd_width_is_skipped_where_halves_are_translated(
    translator: Translator, tmp_path: Path, out: Path
) -> None:
    sources = [write(tmp_path / f"{w}.png", noise(8, w)) for w in (16, 17)]
    items = [item_of(path, out / path.name) for path in sources]
    (failure,) = translate_items(translator, items, Options(half="left"))
    assert "17.png is 17 x 8 px, so its halves differ in width" in failure
    assert files_below(out) == {"16.png"}


@pytest.mark.parametrize("name", BAD)
def test_strict_stops_at_the_first_bad_file(
    translator: Translator, tmp_path: Path, out: Path, name: str
) -> None:
    bad = BAD[name](tmp_path / name)
    sources = [write(tmp_path / "a.png"), bad, write(tmp_path / "z.png")]
    items = [item_of(path, out / path.name) for path in sources]
    with pytest.raises(UserError, match=name):
        translate_items(translator, items, Options(strict=True, batch=1))
    assert files_below(out) == {"a.png"}


def test_pictures_are_opened_a_batch_or_two_ahead_and_no_more(
    translator: Translator, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory must not grow with the number of pictures."""
    sources = [write(tmp_path / f"{n:02d}.png", noise(32, 32, seed=n)) for n in range(20)]
    opened, most = [], []
    keep_open, keep_run = folder._open, translator.translate_sources
    monkeypatch.setattr(folder, "_open", lambda *arguments: opened.append(1) or keep_open(*arguments))

    def counted(*arguments: object, **named: object) -> object:
        most.append(len(opened) - 2 * len(most))
        return keep_run(*arguments, **named)

    monkeypatch.setattr(translator, "translate_sources", counted)
    assert translate_items(translator, [item_of(p, out / p.name) for p in sources], Options(batch=2)) == []
    assert len(files_below(out)) == len(opened) == 20
    assert max(most) <= 6


@pytest.mark.parametrize("count", [1, 3])
def test_where_none_can_be_read_it_is_an_error(
    translator: Translator, tmp_path: Path, out: Path, count: int
) -> None:
    items = [item_of(write_text(tmp_path / f"{n}.png"), out / f"{n}.png") for n in range(count)]
    with pytest.raises(UserError, match=r"0\.png is not a picture") as caught:
        translate_items(translator, items, Options(batch=2))
    assert (f"None of the {count} files" in str(caught.value)) == (count > 1)
    assert not out.exists()


def test_an_output_that_cannot_be_written_is_an_error(translator: Translator, tmp_path: Path) -> None:
    items = [item_of(write(tmp_path / "a.png"), tmp_path / "a.png" / "b.png")]
    with pytest.raises(UserError, match=r"Cannot write .*a\.png/b\.png"):
        translate_items(translator, items, Options())


def test_a_picture_that_does_not_fit_the_contract_is_skipped_and_named(tmp_path: Path, out: Path) -> None:
    five = PictureContract(channels=5)
    translator = Translator.load(write_model(tmp_path / "m.safetensors", source=five), "cpu")
    good = [write(tmp_path / "in" / f"{n}.tif", noise(16, 20, 5, n)) for n in range(4)]
    write(tmp_path / "in" / "1b.tif", noise(16, 20, 3))
    write(tmp_path / "in" / "1c.npy", noise(16, 20, 5).astype(np.float32))
    items = plan([str(tmp_path / "in")], out, translator)
    few, floats = translate_items(translator, items, Options())
    assert "1b.tif has 3 channels: wanted 5" in few
    assert "1c.npy holds float32" in floats
    assert files_below(out) == {path.name for path in good}


@pytest.mark.parametrize(
    ("target", "name", "written"),
    [
        (WIDE, "a.png", "a.png"),
        (WIDE, "a.jpg", "a.tif"),
        (PictureContract(channels=1, depth="float32", high=1, suffix=".npy"), "a.png", "a.npy"),
        (PictureContract(channels=5, suffix=".tif"), "a.jpg", "a.tif"),
    ],
    ids=["16 bits", "16 bits of JPEG", "float", "5 channels"],
)
@pytest.mark.parametrize("samples", [1, 2])
def test_files_are_of_the_targets_depth(
    tmp_path: Path, out: Path, target: PictureContract, name: str, written: str, samples: int
) -> None:
    translator = Translator.load(write_model(tmp_path / "m.safetensors", target=target), "cpu")
    source = write(tmp_path / name, noise(16, 20))
    items = plan([str(source)], out, translator, None, samples)
    assert translate_items(translator, items, Options(samples=samples)) == []
    stem, suffix = written.split(".")
    names = {written} if samples == 1 else {f"{stem}-{n}.{suffix}" for n in (1, 2)}
    assert files_below(out) == names | ({"a-spread.png"} if samples > 1 else set())
    variants = translator.variants(source, samples).pictures
    for path, variant in zip(sorted(names), variants, strict=True):
        array = codec.read(out / path)
        assert (str(array.dtype), array.shape) == (target.depth, (16, 20, target.channels))
        assert np.allclose(array, variant, rtol=1e-4, atol=1)


def test_sources_are_made_of_photographs_on_request(tmp_path: Path, out: Path) -> None:
    model = write_model(
        tmp_path / "m.safetensors",
        "data.make=edges",
        source=PictureContract(channels=1),
        photograph=PictureContract(),
    )
    translator = Translator.load(model, "cpu")
    path = write(tmp_path / "a.png", noise(16, 20))
    assert translate_items(translator, [item_of(path, out / "a.png")], Options(make=True)) == []
    assert np.array_equal(pixels(out / "a.png"), translator.translate(path, make=True))


@pytest.mark.parametrize("recipe", ["inpaint:boxes", "mask:{}/masks"])
def test_sources_in_sub_folders_are_made_as_in_training(tmp_path: Path, recipe: str) -> None:
    """Holes and masks go by a photograph's name in training, which holds its sub-folders."""
    recipe, photographs = recipe.format(tmp_path), tmp_path / "photographs"
    for n, name in enumerate(("x/a.png", "y/a.png", "y/b.png")):
        write(photographs / name, noise(32, 32, seed=n))
        write(tmp_path / "masks" / name, (noise(32, 32, 1, seed=n) > 127) * np.uint8(255))
    splits = find_data([str(photographs)], DataConfig(make=recipe)).splits
    names = sorted(pair.name for pairs in splits.values() for pair in pairs)
    model = write_model(tmp_path / "m.safetensors", f"data.make='{recipe}'", photograph=PictureContract())
    translator = Translator.load(model, "cpu")
    for inputs in (photographs, photographs / "**" / "*.png"):
        items = plan([str(inputs)], tmp_path / "out", translator)
        assert [item.key for item in items] == names == ["x/a", "y/a", "y/b"]
        for item in items:
            expected, _ = source_and_target(recipe, codec.read(item.source), item.key)
            opened = folder._open(item, translator, Options(make=True))
            assert isinstance(opened, folder.Opened)
            assert np.array_equal(opened.source, expected)
    assert translate_items(translator, items, Options(make=True)) == []
    (alone,) = plan([str(photographs / "y" / "b.png")], tmp_path / "out", translator)
    assert alone.key == "b"


# Pairs passed to a model by mistake


@pytest.mark.parametrize(("shape", "alike"), [((16, 32), True), ((16, 31), False), ((32, 16), False)])
def test_a_first_picture_twice_as_wide_as_high_looks_like_a_pair(
    translator: Translator, tmp_path: Path, shape: tuple[int, int], alike: bool
) -> None:
    item = item_of(write(tmp_path / "a.png", noise(*shape)), tmp_path / "b.png")
    assert ("--half" in first_note(translator, [item], "whole")) == alike


def test_two_pictures_of_any_shape_side_by_side_look_like_a_pair(
    translator: Translator, tmp_path: Path
) -> None:
    one, other = scene(0, 96, 60), scene(1, 96, 60)
    pair = item_of(write(tmp_path / "pair.png", np.concatenate([one, other], axis=1)), tmp_path / "b.png")
    single = item_of(write(tmp_path / "single.png", scene(0, 96, 120)), tmp_path / "c.png")
    assert "side by side" in first_note(translator, [pair], "whole")
    assert "--half" not in first_note(translator, [single], "whole")


def test_a_file_that_is_no_picture_does_not_look_like_a_pair(translator: Translator, tmp_path: Path) -> None:
    item = item_of(write_text(tmp_path / "a.png"), tmp_path / "b.png")
    assert "--half" not in first_note(translator, [item], "whole")


def test_a_model_of_two_folders_is_not_reminded_of_pairs(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.safetensors", layout="two folders")
    item = item_of(write(tmp_path / "a.png", noise(16, 32)), tmp_path / "b.png")
    assert "--half" not in first_note(Translator.load(model, "cpu"), [item], "whole")


def test_pixels_without_data_are_written_as_the_targets_files_have_them(tmp_path: Path) -> None:
    contract = PictureContract(channels=1, depth="float32", low=0.0, high=1.0, suffix=".tif", fill=-9999.0)
    model = write_model(tmp_path / "m.safetensors", source=contract, target=contract)
    source = np.full((32, 32, 1), 0.5, np.float32)
    source[:8] = np.nan
    codec.write(source, tmp_path / "in.tif", -9999.0)
    translator = Translator.load(model, "cpu")
    for name in ("a.tif", "b.npy"):
        items = plan([str(tmp_path / "in.tif")], tmp_path / name, translator)
        assert translate_items(translator, items, Options()) == []
    picture, fill = codec.read_picture(tmp_path / "a.tif")
    assert fill == -9999
    assert np.array_equal(np.isnan(picture), np.isnan(source))
    assert (np.load(tmp_path / "b.npy")[:8] == -9999).all()


def test_an_animation_is_translated_with_a_note(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(32, 32, seed=n)) for n in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    translator = Translator.load(write_model(tmp_path / "m.safetensors"), "cpu")
    notes: list[str] = []
    items = plan([str(tmp_path / "a.gif")], tmp_path / "out", translator)
    assert translate_items(translator, items, Options(), note=notes.append) == []
    (note,) = notes
    assert f"{tmp_path / 'a.gif'} is an animation of 3 frames" in note
