from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix.datasets.file_tasks import (
    Done,
    FileTask,
    LeftOutError,
    check_places,
    leaving_out,
    refuse_existing,
    run,
)
from pix2pix.errors import UserError
from pix2pix.progress import no_progress
from tests.helpers import write_text


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two scenes in the working directory."""
    monkeypatch.chdir(tmp_path)
    for scene in ("scene1", "scene2"):
        for n in range(2):
            write_text(tmp_path / scene / "rgb" / f"{n}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("place", "out", "folder"),
    [
        ("scene*/rgb/*.png", "small", "."),
        ("scene*/rgb/*.png", "scene3", "."),
        ("scene1/rgb/*.png", "scene1/small", "scene1/rgb"),
        ("scene1/rgb/*.png", "scene1/rgb/small", "scene1/rgb"),
        ("scene1/**/*.png", "small", "scene1"),
        ("scene1", "small", "scene1"),
    ],
)
def test_what_is_written_apart_is_no_picture_of_the_data(place: str, out: str, folder: str) -> None:
    assert check_places([place], Path(out)) == [Path(folder)]


@pytest.mark.parametrize(
    ("place", "out"),
    [
        ("scene*/rgb/*.png", "."),
        ("scene*/rgb/*.png", "scene2/rgb"),
        ("**/*.png", "small"),
        ("scene1/**/*.png", "scene1/rgb/small"),
        ("scene1", "scene1"),
        ("scene1", "scene1/rgb/small"),
    ],
)
def test_what_would_be_written_among_the_pictures_is_refused(place: str, out: str) -> None:
    with pytest.raises(UserError, match=f"{out} lies in .*, among its pictures"):
        check_places([place], Path(out))


@pytest.mark.parametrize(
    ("place", "why"),
    [("gone", "is no folder"), ("hub:a/b", "is a hub data set"), ("pairs.csv", "is a manifest")],
)
def test_places_that_hold_no_pictures_are_refused(place: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        check_places([place], Path("out"))


def test_only_one_picture_is_left_out(here: Path) -> None:
    for error in (UserError("Broken.", "Mend it."), PermissionError(13, "Permission denied", "a.png")):
        with pytest.raises(LeftOutError), leaving_out():
            raise error
    with pytest.raises(UserError, match="exists"):
        refuse_existing(here / "scene1", force=False)
    refuse_existing(here / "scene1", force=True)


def ran(write: Callable[[FileTask], bool], here: Path) -> Done:
    paths = sorted((here / "scene1").rglob("*.png"))
    tasks = [FileTask((path,), (), "train") for path in paths]
    return run(tasks, write, {here / "x.png": "x.png is none."}, [here / "scene1"], no_progress)


def test_what_was_done_is_counted_and_what_was_not_is_named(here: Path) -> None:
    def write(task: FileTask) -> bool:
        if task.inputs[0].stem == "1":
            raise LeftOutError("1.png is broken.")
        return False

    other = write_text(here / "scene1" / "notes.txt")
    write_text(here / "scene1" / ".hidden" / "a.txt")
    assert ran(write, here) == Done({"train": 1}, 0, ["x.png is none.", "1.png is broken."], [other])


def test_a_fault_of_the_whole_ends_it_and_so_does_nothing_to_use(here: Path) -> None:
    def full(task: FileTask) -> bool:
        raise UserError("The disk is full.")

    def broken(task: FileTask) -> bool:
        raise LeftOutError(f"{task.inputs[0].name} is broken.")

    with pytest.raises(UserError, match="The disk is full"):
        ran(full, here)
    with pytest.raises(UserError, match=r"x.png is none. 0.png is broken. 1.png is broken.") as caught:
        ran(broken, here)
    assert "None of 3 could be used." in str(caught.value)
    with pytest.raises(UserError, match="no pictures are there"):
        run([], broken, {}, [here], no_progress)
