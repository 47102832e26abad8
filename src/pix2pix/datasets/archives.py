"""Unpack a stranger's tar archive: plain files and folders, none outside, none huge, no surprise.

Nothing is left to `extractall`: no links, owners, modes or devices ever reach the disk, and what
is read is counted in unpacked bytes, headers included, so that no small file fills disk or memory.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from pix2pix.errors import UserError
from pix2pix.files import cannot_write

_CHUNK = 1 << 20  # bytes
_MAX_FILES = 1_000_000
_MAX_READ = 1 << 24  # bytes at once: what describes one file takes a few hundred
# Pictures are compressed already: what grows twentyfold when it is unpacked is an attack.
_GROWTH, _FREE_BYTES = 20, 1 << 30
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_KINDS = {
    tarfile.SYMTYPE: "the link",
    tarfile.LNKTYPE: "the hard link",
    tarfile.CHRTYPE: "the device",
    tarfile.BLKTYPE: "the device",
    tarfile.FIFOTYPE: "the pipe",
}


class ArchiveError(Exception):
    """An archive that is broken or refused; the message says why, as the end of a sentence."""


def unpack(archive: Path, folder: Path, progress: Callable[[int, int], None]) -> None:
    """Write the files of a tar archive, plain or packed by gzip, bzip2 or xz, below `folder`.

    `progress` is told the bytes of the archive that are done, and all. Raises ArchiveError where it
    is broken, too large or holds anything but plain files and folders; what was written stays.
    OSError is that of the disk.
    """
    size = archive.stat().st_size
    with archive.open("rb") as packed:
        head = packed.read(2)
        packed.seek(0)
        try:
            with _OPENERS.get(head, _plain)(packed) as opened:
                limit = _FREE_BYTES + _GROWTH * size
                _unpack(_Counted(opened, limit), folder, lambda: progress(packed.tell(), size))
        except (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise ArchiveError(f"it is no whole tar archive ({error})") from None
        except OSError as error:
            if error.errno is None:  # gzip and bz2 report broken data so
                raise ArchiveError(f"it is no whole tar archive ({error})") from None
            raise
    progress(size, size)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends well, or vanishes.

    Raises UserError where `path` exists and holds something, or cannot be written.
    """
    path = path if path.name else path.resolve()
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f"{path} exists.", "Choose another --out, or move it away.")
    temporary = path.with_name(f".{os.getpid()}-{path.name[-60:]}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.is_dir():
            path.rmdir()  # it is empty; not every system renames over it
        temporary.rename(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack(opened: _Counted, folder: Path, tell: Callable[[], None]) -> None:
    files: Any = opened
    with tarfile.TarFile(fileobj=files, mode="r") as tar:
        count = 0
        for count, member in enumerate(tar, 1):
            if count > _MAX_FILES:
                raise ArchiveError(f"it holds more than {_MAX_FILES:,} files")
            path = _place(member, folder)
            opened.allow(member.offset_data + member.size)
            _write(tar, member, path)
            tell()
        # tarfile takes damage between two files for the end; the end is a block of zeros.
        if opened.last != bytes(tarfile.BLOCKSIZE):
            raise ArchiveError(f"it breaks off, or is damaged, after {count} files")
    while opened.read(_CHUNK):
        pass  # what follows carries the checksum of all


def _place(member: tarfile.TarInfo, folder: Path) -> Path:
    """Where a member goes; raises ArchiveError where it may not go anywhere."""
    name = member.name
    shown = ascii(name)[:100]
    if not (member.isreg() or member.isdir()) or member.issparse() or member.size < 0:
        kind = _KINDS.get(member.type, "the special file")
        raise ArchiveError(f"it holds {kind} {shown}: wanted plain files and folders")
    parts = PurePosixPath(name).parts
    outside = ".." in parts or PureWindowsPath(name).anchor  # a leading / or a drive
    if outside or "\\" in name or "\0" in name:
        raise ArchiveError(f"its file {shown} leads outside the folder")
    return folder.joinpath(*parts)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    try:
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        assert source is not None  # it is a plain file
        with source, path.open("xb") as out:
            shutil.copyfileobj(source, out, _CHUNK)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ArchiveError(f"it holds {ascii(member.name)[:100]} twice") from None


def _plain(opened: BinaryIO) -> BinaryIO:
    return opened


class _Counted:
    """A file that refuses to be read or skipped beyond `limit` bytes, or far at once."""

    def __init__(self, opened: BinaryIO, limit: int) -> None:
        self._opened, self._limit = opened, limit
        self.last = b""  # what the last read gave

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_READ:
            raise ArchiveError(f"one of its headers is of {size:,} bytes")
        self.allow(self.tell())
        self.last = self._opened.read(size)
        return self.last

    def seek(self, place: int) -> int:
        self.allow(place)
        return self._opened.seek(place)

    def tell(self) -> int:
        return self._opened.tell()

    def seekable(self) -> bool:
        return True

    def allow(self, place: int) -> None:
        """Raise ArchiveError where `place` lies beyond the limit."""
        if not 0 <= place <= self._limit:
            raise ArchiveError(f"it unpacks to more than {self._limit:,} bytes")
