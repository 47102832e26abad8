import shlex
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from pix2pix.config import DataConfig
from pix2pix.data import cache as caches
from pix2pix.data.origins import find_data
from pix2pix.data.unpacked import Unpacked
from pix2pix.errors import UserError
from pix2pix.pairs.find import PairSet
from tests.helpers import noise, open_pairs, write


def find(*data: Path, **config: str) -> PairSet:
    return find_data(list(data), DataConfig(**config))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split in ("train", "val"):
        for n in range(3):
            write(tmp_path / "maps" / split / f"{n}.png", noise(32, 64, seed=n))
    return tmp_path / "maps"


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "xztar"])
@pytest.mark.parametrize("inside", ["its folder", "its files"])
def test_an_archive_is_its_folder(tmp_path: Path, cache: Path, folder: Path, kind: str, inside: str) -> None:
    root = (folder.parent, "maps") if inside == "its folder" else (folder, ".")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), kind, *root))
    pairs, unpacked = find(archive), find(folder)
    assert [p.name for p in pairs.splits["train"]] == [p.name for p in unpacked.splits["train"]]
    assert pairs.splits["val"][0].target.path.is_relative_to(cache)
    assert open_pairs(pairs.splits["train"]).digest == open_pairs(unpacked.splits["train"]).digest


def test_an_archive_is_unpacked_once_and_again_when_it_has_changed(tmp_path: Path, folder: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))
    first = find(archive).splits["train"][0].target.path
    changed = first.stat().st_mtime_ns
    assert find(archive).splits["train"][0].target.path.stat().st_mtime_ns == changed
    first.unlink()
    assert find(archive).splits["train"][0].target.path.is_file()
    write(folder / "train" / "9.png", noise(32, 64))
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))
    assert len(find(archive).splits["train"]) == 4


def test_two_archives_are_two_folders(tmp_path: Path) -> None:
    archives = []
    for half in ("x", "y"):
        for n in range(3):
            write(tmp_path / half / f"{n}.png")
        archives.append(Path(shutil.make_archive(str(tmp_path / half), "zip", tmp_path / half)))
    assert find(*archives).layout == "two folders"
    assert find(archives[0], make="gray").layout == "photographs"


def test_unpacked_files_are_listed_with_the_cache(tmp_path: Path, folder: Path) -> None:
    find(Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder)))
    (entry,) = caches.entries()
    assert entry.describe() == "6 files of an archive"
    assert entry.bytes > 6 * 1000


def zipped(path: Path, *members: tuple[str, int]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, mode in members:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            out.writestr(member, b"x")
    return path


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([("../a.png", 0)], "leads outside"),
        ([("/a.png", 0)], "leads outside"),
        ([("c:\\a.png", 0)], "leads outside"),
        ([("a.png", stat.S_IFLNK | 0o777)], "link or special file"),
        ([("a.png", 0), ("a.png/b.png", 0)], "twice"),
    ],
)
def test_a_hostile_zip_is_refused(
    tmp_path: Path, cache: Path, members: list[tuple[str, int]], why: str
) -> None:
    archive = zipped(tmp_path / "a.zip", *members)
    with pytest.raises(UserError, match=f"cannot be unpacked: .*{why}"):
        find(archive)
    assert not list(tmp_path.glob("*.png"))
    assert not list((cache / caches.UNPACKED).glob("*"))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_zip_is_refused_as_no_whole_zip(tmp_path: Path, method: int) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", method) as packed:
        packed.writestr("a.png", noise(32, 64).tobytes())
    whole = archive.read_bytes()
    archive.write_bytes(whole[:60] + bytes(200) + whole[260:])
    with pytest.raises(UserError, match=r"x\.zip cannot be unpacked: it is no whole zip archive"):
        find(archive)
    archive.write_bytes(whole[:-40])
    with pytest.raises(UserError, match="it is no whole zip archive"):
        find(archive)


def test_a_bomb_and_a_torn_zip_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pix2pix.data.archives._FREE_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a.png", bytes(1_000_000))
    with pytest.raises(UserError, match="it unpacks to more than"):
        find(tmp_path / "bomb.zip")
    data = (tmp_path / "bomb.zip").read_bytes()
    for name, torn in (("cut.zip", data[: len(data) // 2]), ("bad.zip", data[:60] + b"xxxx" + data[64:])):
        (tmp_path / name).write_bytes(torn)
        with pytest.raises(UserError, match="cannot be unpacked"):
            find(tmp_path / name)


def test_calls_name_the_archive_that_was_given(tmp_path: Path, cache: Path) -> None:
    for half in ("ct", "mr"):
        for n in range(4):
            write(tmp_path / "set" / half / f"{n}.png", noise(32, 32, seed=n))
    archive = Path(shutil.make_archive(str(tmp_path / "my data"), "zip", tmp_path, "set"))
    with pytest.raises(UserError) as caught:
        find(archive)
    assert f"`pix2pix train '{archive}' --layout ct:mr`" in str(caught.value)
    alone = shlex.split(str(caught.value).partition("of one folder alone: `")[2].partition("`")[0])
    assert Path(alone[2]).is_relative_to(cache)
    assert Path(alone[2]).is_dir()


def test_texts_name_archives_and_the_folders_inside() -> None:
    unpacked = Unpacked([], {"/cache/0a1b": "my data.zip"})
    text = (
        "/cache/0a1b/x/1.png is one: `pix2pix data split /cache/0a1b -o 0a1b-split --by folder`, or "
        "`pix2pix train /cache/0a1b/x`"
    )
    assert unpacked.named(text) == (
        "my data.zip/x/1.png is one: `pix2pix data split 'my data.zip' -o 'my data-split' --by folder`, or "
        "`pix2pix train /cache/0a1b/x`"
    )


@pytest.mark.parametrize("name", ["a`b'c", "it's `x", "a`b  c"])
def test_names_of_files_are_no_calls(name: str) -> None:
    text = f"/cache/0a1b/{name}.png and /cache/0a1b/1.png: `pix2pix train /cache/0a1b -o 0a1b-split`."
    assert Unpacked([], {"/cache/0a1b": "x.tar"}).named(text) == (
        f"x.tar/{name}.png and x.tar/1.png: `pix2pix train x.tar -o x-split`."
    )


def test_all_endings_of_an_archive_are_left_out_of_a_folder_beside_it(tmp_path: Path) -> None:
    (archive := tmp_path / "x.tar.gz").touch()
    unpacked = Unpacked([], {"/cache/0a1b": str(archive)})
    call = unpacked.named("`pix2pix data split /cache/0a1b -o 0a1b-split`")
    assert call == f"`pix2pix data split {archive} -o x-split`"
