import errno
import os
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest
from hypothesis import given

from pix2pix.errors import UserError
from pix2pix.files import cache_folder, exclusive, is_picture, kind, list_pictures, replacing, require_space
from tests.helpers import are_pictures, files_below, plant, trees, write_text


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.b.Jpeg", "a b.webp", "日本.tif", "x.tiff"])
def test_a_picture_is_known_by_its_ending(name: str) -> None:
    assert is_picture(Path("folder") / name)


@pytest.mark.parametrize("name", ["a.txt", "png", "a.png.txt", ".png", ".a.png", "a.png~", "a"])
def test_other_files_and_hidden_ones_are_no_pictures(name: str) -> None:
    assert not is_picture(Path("folder") / name)


def test_pictures_are_listed_by_path_with_those_of_sub_folders(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.jpg", "a/b/c.webp", "notes.txt", "c.TIF"):
        write_text(tmp_path / name)
    result = [path.relative_to(tmp_path).as_posix() for path in list_pictures(tmp_path)]
    assert result == ["a/b/c.webp", "a/z.jpg", "b.png", "c.TIF"]


def test_a_folder_named_like_a_picture_is_not_one_but_may_hold_some(tmp_path: Path) -> None:
    inside = write_text(tmp_path / "x.jpg" / "y.jpg")
    assert list_pictures(tmp_path) == [inside]


def test_pictures_of_hidden_folders_are_left_out_below_but_not_above(tmp_path: Path) -> None:
    folder = tmp_path / ".studio" / "data"
    write_text(folder / ".thumbnails" / "a.png")
    shown = write_text(folder / "a.png")
    assert list_pictures(folder) == [shown]


def test_linked_folders_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    inside = write_text(tmp_path / "data" / "deep" / "a.png")
    outside = write_text(tmp_path / "store" / "b.png")
    (tmp_path / "data" / "linked").symlink_to(outside.parent)
    (tmp_path / "data" / "again").symlink_to(outside.parent)
    (tmp_path / "data" / "deep" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "self").symlink_to(tmp_path / "data" / "self")
    (outside.parent / "back").symlink_to(tmp_path / "data")
    result = [path.relative_to(tmp_path / "data").as_posix() for path in list_pictures(tmp_path / "data")]
    assert result == ["again/b.png", "deep/a.png", "linked/b.png"]
    (tmp_path / "door").symlink_to(tmp_path / "data")
    assert tmp_path / "door" / "deep" / "a.png" in list_pictures(tmp_path / "door")
    assert inside.is_file()


def test_links_to_pictures_are_pictures_even_where_they_lead_nowhere(tmp_path: Path) -> None:
    real = write_text(tmp_path / "store" / "a.png")
    (tmp_path / "data").mkdir()
    for name, target in (("a.png", real), ("gone.png", tmp_path / "gone"), ("loop.jpg", "loop.jpg")):
        (tmp_path / "data" / name).symlink_to(target)
    assert [path.name for path in list_pictures(tmp_path / "data")] == ["a.png", "gone.png", "loop.jpg"]


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")  # whoever opens it waits for ever
    assert list_pictures(tmp_path) == []


def test_where_there_is_no_folder_there_are_no_pictures(tmp_path: Path) -> None:
    assert list_pictures(tmp_path / "gone") == []
    assert list_pictures(write_text(tmp_path / "file")) == []


def test_a_folder_that_the_system_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    listdir = os.listdir

    def refuse(path: Path) -> list[str]:
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UserError, match=r"Cannot open .*locked: Permission denied\."):
        list_pictures(tmp_path)


@given(tree=trees())
def test_every_visible_picture_of_any_tree_is_listed_once(
    tmp_path_factory: pytest.TempPathFactory, tree: list[PurePosixPath]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    expected = [root / path for path in are_pictures(plant(root, tree))]
    assert list_pictures(root) == expected


def test_what_a_path_leads_to(tmp_path: Path) -> None:
    file = write_text(tmp_path / "file.txt")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    assert kind(file) == "file"
    assert kind(tmp_path) == kind(tmp_path / "link") == "folder"
    for path in (tmp_path / "gone", tmp_path / "dangling", file / "below"):
        assert kind(path) == "nothing"


@pytest.mark.parametrize("name", ["x" * 300, "loop"])
def test_a_path_that_the_system_refuses_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UserError, match=f"Cannot open .*{name}: "):
        kind(tmp_path / name)


def test_a_file_is_replaced_whole_in_folders_that_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "file.txt"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert temporary.suffix == ".txt"
    assert path.read_text() == "new"
    assert files_below(tmp_path) == {"new/deep/file.txt"}


def test_until_the_block_ends_the_old_file_is_there(tmp_path: Path) -> None:
    path = write_text(tmp_path / "file.txt", "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, UserError("no"), OSError("no")])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = write_text(tmp_path / "file.txt", "old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises((KeyboardInterrupt, ValueError, UserError)):
        fail()
    assert path.read_text() == "old"
    assert files_below(tmp_path) == {"file.txt"}


def test_a_full_disk_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    path = write_text(tmp_path / "file.txt", "old")
    message = r"Cannot write .*file\.txt: No space left on device\."
    with pytest.raises(UserError, match=message), replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert files_below(tmp_path) == {"file.txt"}


@pytest.mark.parametrize("place", ["file.txt/new.txt", "file.txt/deep/new.txt", "x" * 300 + "/new.txt"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    write_text(tmp_path / "file.txt")
    message = r"Cannot write .*new\.txt"
    with pytest.raises(UserError, match=message), replacing(tmp_path / place):
        pass
    assert files_below(tmp_path) == {"file.txt"}


def test_a_cache_that_cannot_be_written_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIX2PIX_CACHE", str(write_text(tmp_path / "file.txt")))
    with pytest.raises(UserError, match="Cannot write") as caught, replacing(cache_folder() / "a.json"):
        pass
    assert "PIX2PIX_CACHE" in caught.value.hint
    monkeypatch.setenv("PIX2PIX_CACHE", str(tmp_path / "other"))
    with (
        pytest.raises(UserError, match="Cannot write") as caught,
        replacing(tmp_path / "file.txt" / "a.json"),
    ):
        pass
    assert "PIX2PIX_CACHE" not in caught.value.hint


def test_a_disk_without_room_is_noticed_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=2_000_000))
    require_space(tmp_path / "not" / "there" / "yet", 2_000_000, "The pairs")
    with pytest.raises(UserError, match=r"The pairs take 3\.5 GB in .*new, and its disk has 2\.0 MB free"):
        require_space(tmp_path / "new", 3_500_000_000, "The pairs")


def test_a_block_that_wrote_nothing_is_an_error(tmp_path: Path) -> None:
    message = r"Cannot write .*file\.txt"
    with pytest.raises(UserError, match=message), replacing(tmp_path / "file.txt"):
        pass


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("日" * 83 + ".png")  # 253 bytes of 255
    with replacing(path) as temporary:
        temporary.write_text("text")
    assert path.read_text() == "text"


def test_the_cache_stands_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIX2PIX_CACHE", "/fast")
    assert cache_folder() == Path("/fast")
    monkeypatch.delenv("PIX2PIX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch")
    assert cache_folder() == Path("/scratch/pix2pix")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder() == Path("/home/ada/.cache/pix2pix")


def test_a_lock_keeps_others_out_until_the_block_ends(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "new" / "lock"
    with (
        exclusive(path, "Somebody is here."),
        pytest.raises(UserError, match=r"Somebody is here\. Wait"),
        exclusive(path, "Somebody is here."),
    ):
        pass
    with exclusive(path, "Somebody is here."):
        pass


def test_a_lock_in_a_folder_that_cannot_be_made_is_an_error_for_users(tmp_path: Path) -> None:
    path = write_text(tmp_path / "file") / "lock"
    with pytest.raises(UserError, match="Cannot write"), exclusive(path, ""):
        pass
