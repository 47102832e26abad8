import gzip
import io
import tarfile
from pathlib import Path

import pytest

from pix2pix.data import archives
from pix2pix.data.archives import ArchiveError, new_folder, run_name, unpack
from pix2pix.errors import UserError
from pix2pix.files import list_pictures
from tests.data.tars import NOISE, special, tar
from tests.helpers import files_below


def unpacked(tmp_path: Path, packed: bytes) -> Path:
    """Unpack an archive into tmp_path/in/set, whole or not at all."""
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(packed)
    with new_folder(tmp_path / "in" / "set") as folder:
        unpack(archive, folder, lambda done, total: None)
    return tmp_path / "in" / "set"


HUGE = tarfile.TarInfo("train/huge.jpg")
HUGE.size = 1 << 43
SPARSE = special("train/sparse.jpg", tarfile.GNUTYPE_SPARSE)
EVIL: dict[str, tuple[dict[str, bytes | tarfile.TarInfo], str]] = {
    "above": ({"../out.jpg": b"x"}, "leads outside"),
    "above later": ({"a/../../out.jpg": b"x"}, "leads outside"),
    "absolute": ({"/pix2pix-out.jpg": b"x"}, "leads outside"),
    "drive": ({"C:/out.jpg": b"x"}, "leads outside"),
    "backslash": ({"a\\..\\..\\out.jpg": b"x"}, "leads outside"),
    "link": ({"l": special("l", tarfile.SYMTYPE, "../.."), "l/out.jpg": b"x"}, "the link 'l'"),
    "hard link": ({"h": special("h.jpg", tarfile.LNKTYPE, "../../x.tar.gz")}, "the hard link"),
    "device": ({"d": special("zero.jpg", tarfile.CHRTYPE)}, "the device"),
    "pipe": ({"p": special("pipe.jpg", tarfile.FIFOTYPE)}, "the pipe"),
    "file as folder": ({"a.jpg": b"x", "a.jpg/b.jpg": b"x"}, "twice"),
    "folder as file": ({"a/b.jpg": b"x", "a": b"x"}, "twice"),
    "huge": ({"huge": HUGE}, "unpacks to more than"),
}


@pytest.mark.parametrize("kind", EVIL)
def test_an_archive_with_anything_but_files_inside_is_refused_whole(tmp_path: Path, kind: str) -> None:
    members, reason = EVIL[kind]
    packed = tar({"train/1.jpg": b"x", **members})
    with pytest.raises(ArchiveError, match=reason):
        unpacked(tmp_path, packed)
    assert files_below(tmp_path) == {"x.tar.gz"}
    assert list((tmp_path / "in").iterdir()) == []


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as out:
        for _ in range(2):
            out.addfile(tarfile.TarInfo("train/1.jpg"))
    with pytest.raises(ArchiveError, match=r"holds 'train/1\.jpg' twice"):
        unpacked(tmp_path, packed.getvalue())


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    block = bytearray(SPARSE.tobuf(tarfile.GNU_FORMAT))
    block[386:398], block[398:410] = b"00000000000\0", b"00000000000\0"
    block[483:495] = b"77777777777\0"  # 8 GB when it is whole
    block[148:156] = b"        "
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    with pytest.raises(ArchiveError, match="the special file 'train/sparse"):
        unpacked(tmp_path, bytes(block) + bytes(1024))


def test_a_bomb_is_stopped_before_it_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_FREE_BYTES", 1 << 20)
    with pytest.raises(ArchiveError, match="unpacks to more than"):
        unpacked(tmp_path, tar({"train/1.jpg": b"x", "train/2.jpg": bytes(9 << 20)}))


def test_a_huge_header_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MAX_READ", 1 << 20)
    info = tarfile.TarInfo("train/1.jpg")
    info.pax_headers = {"comment": "x" * (2 << 20)}
    with pytest.raises(ArchiveError, match="one of its headers is of"):
        unpacked(tmp_path, tar({"a": info}))


def test_a_flood_of_files_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MAX_FILES", 10)
    with pytest.raises(ArchiveError, match="more than 10 files"):
        unpacked(tmp_path, tar({f"train/{n}.jpg": b"x" for n in range(11)}))


def test_what_follows_the_last_file_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_FREE_BYTES", 1 << 20)
    endless = tar({"train/1.jpg": b"x"}, "w") + bytes(9 << 20)
    with pytest.raises(ArchiveError, match="unpacks to more than"):
        unpacked(tmp_path, gzip.compress(endless))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_way_of_packing_is_known_and_damage_is_noticed(tmp_path: Path, mode: str) -> None:
    content = {f"train/{n}.jpg": NOISE[n * 999 :][:9999] for n in range(9)}
    packed = tar(content, mode)
    out = unpacked(tmp_path, packed)
    assert {p.name: p.read_bytes() for p in list_pictures(out)} == {
        Path(name).name: data for name, data in content.items()
    }
    for share in (0.1, 0.5, 0.8):
        place = tmp_path / str(share)
        place.mkdir()
        with pytest.raises(ArchiveError, match=r"no whole tar archive|breaks off"):
            unpacked(place, packed[: int(len(packed) * share)])


def test_a_plain_archive_that_ends_between_two_files_is_noticed(tmp_path: Path) -> None:
    packed = tar({"train/1.jpg": b"x" * 512, "train/2.jpg": b"x" * 512}, "w")
    with pytest.raises(ArchiveError, match="breaks off, or is damaged, after 1 files"):
        unpacked(tmp_path, packed[:1024])
    damaged = bytearray(packed)
    damaged[1024 + 3] ^= 1
    with pytest.raises(ArchiveError, match="after 1 files"):
        unpacked(tmp_path, bytes(damaged))


def test_progress_counts_the_bytes_of_the_archive(tmp_path: Path) -> None:
    archive, counts = tmp_path / "x.tar", list[tuple[int, int]]()
    archive.write_bytes(tar({f"{n}.jpg": NOISE for n in range(3)}, "w"))
    unpack(archive, tmp_path / "out", lambda *count: counts.append(count))
    size = archive.stat().st_size
    assert counts[-1] == (size, size)
    assert counts == sorted(counts)


# A new folder


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("scans/*_A.png", "scans"),
        ("scans/**/[0-4].png", "scans"),
        ("set.tar.gz", "set"),
        ("SET.ZIP", "SET"),
        ("v1.2.tbz2", "v1.2"),
        ("a[1]", "a[1]"),
        ("scans", "scans"),
        ("pairs.csv", "pairs"),
        ("hub:owner/maps", "maps"),
    ],
)
def test_a_run_is_named_after_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("scans", "a[1]"):
        (tmp_path / folder).mkdir()
    for file in ("set.tar.gz", "SET.ZIP", "v1.2.tbz2"):
        (tmp_path / file).write_bytes(b"")
    assert run_name(word) == name


def test_a_new_folder_is_whole_or_absent(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "new") as folder:
        raise KeyboardInterrupt
    assert not folder.exists()
    (tmp_path / "new").mkdir()  # an empty folder may be there
    with new_folder(tmp_path / "new") as folder:
        (folder / "a").touch()
    assert files_below(tmp_path) == {"new/a"}
    with pytest.raises(UserError, match=r"new exists\."), new_folder(tmp_path / "new"):
        pass
