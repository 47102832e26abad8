from collections import Counter
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from pix2pix.errors import UserError
from pix2pix.files import list_pictures
from pix2pix.inference.items import Item, first_note, plan
from pix2pix.inference.translator import Translator
from pix2pix.pictures.contract import PictureContract
from tests.helpers import are_pictures, item_of, noise, plant, scene, trees, write, write_model, write_text


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
