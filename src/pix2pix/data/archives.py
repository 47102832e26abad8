"""Unpack a stranger's tar or zip archive: plain files and folders, none outside, none huge, no surprise.

tarfile's `data` filter keeps owners, modes and paths in order. It lets links through and does not
count: here links are refused, and what is read is counted in unpacked bytes, headers included, so that
no small file fills disk or memory.
"""

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pix2pix.errors import UserError
from pix2pix.files import before_glob, cannot_write
from pix2pix.progress import OnProgress

_CHUNK = 1 << 20  # bytes
_MAX_FILES = 1_000_000
_MAX_READ = 1 << 24  # bytes at once: what describes one file takes a few hundred
# Pictures are compressed already: what grows twentyfold when it is unpacked is an attack.
_GROWTH, _FREE_BYTES = 20, 1 << 30
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
)
_KINDS = {
    tarfile.SYMTYPE: "the link",
    tarfile.LNKTYPE: "the hard link",
    tarfile.CHRTYPE: "the device",
    tarfile.BLKTYPE: "the device",
    tarfile.FIFOTYPE: "the pipe",
}


_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class ArchiveError(Exception):
    """An archive that is broken or refused; the message says why, as the end of a sentence."""


class _Counted:
    """A file that refuses to be read or skipped beyond `limit` bytes, or far at once."""

    def __init__(self, file: Any, limit: int) -> None:
        self._file, self._limit = file, limit
        self.last = b""  # what the last read gave
        self.tell, self.seekable = file.tell, file.seekable

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_READ:
            raise ArchiveError(f"one of its headers is of {size:,} bytes")
        self.allow(self.tell())
        self.last = self._file.read(size)
        return self.last

    def seek(self, place: int) -> int:
        self.allow(place)
        return int(self._file.seek(place))

    def allow(self, place: int) -> None:
        """Raise ArchiveError where `place` lies beyond the limit."""
        if not 0 <= place <= self._limit:
            raise ArchiveError(f"it unpacks to more than {self._limit:,} bytes")


def is_archive(path: Path) -> bool:
    """Return whether a path is a file whose ending is one of an archive."""
    return path.name.lower().endswith(_ENDINGS) and path.is_file()


def run_name(word: str) -> str:
    """Return the name of a run's folder for DATA: no endings of archives, of a glob the part in front."""
    path = Path(word)
    if is_archive(path):
        endings = sorted(_ENDINGS, key=len, reverse=True)
        return path.name[: -len(next(ending for ending in endings if path.name.lower().endswith(ending)))]
    return (path if path.exists() else before_glob(path)).resolve().stem


def unpack(archive: Path, folder: Path, on_progress: OnProgress) -> None:
    """Write the files of a zip archive or a tar, plain or packed by gzip, bzip2 or xz, below `folder`.

    `on_progress` counts bytes of the archive. Raises ArchiveError where it is broken, too large or
    holds anything but plain files and folders; what was written stays. OSError is that of the disk.
    """
    size = archive.stat().st_size
    if zipfile.is_zipfile(archive) and not tarfile.is_tarfile(archive):
        _unpack_zip(archive, folder, on_progress)
        return
    with archive.open("rb") as packed:
        head = packed.read(2)
        packed.seek(0)
        try:
            with _OPENERS.get(head, nullcontext)(packed) as unpacked:
                counted = _Counted(unpacked, _FREE_BYTES + _GROWTH * size)
                _unpack(counted, folder, lambda: on_progress(packed.tell(), size))
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # gzip and bz2 report broken data as OSError without a number
            kind = "zip" if archive.suffix.lower() == ".zip" else "tar"  # a torn zip has lost its end
            raise ArchiveError(f"it is no whole {kind} archive ({error})") from None
    on_progress(size, size)


def is_free(path: Path) -> bool:
    """Return whether a folder can be made here: nothing is there, or an empty folder."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends well, or vanishes.

    Raises UserError where `path` exists and holds something, or cannot be written.
    """
    path = path if path.name else path.resolve()
    if not is_free(path):
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


def _unpack(counted: _Counted, folder: Path, on_file: Callable[[], None]) -> None:
    file: Any = counted
    with tarfile.TarFile(fileobj=file, mode="r") as tar:
        # Python 3.11.0 to 3.11.3 have no filters; what is refused here needs none.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        count = 0
        for count, member in enumerate(tar, 1):
            if count > _MAX_FILES:
                raise ArchiveError(f"it holds more than {_MAX_FILES:,} files")
            _check(member)
            counted.allow(member.offset_data + member.size)
            path = folder / member.name
            if path.exists() and not (member.isdir() and path.is_dir()):
                raise ArchiveError(f"it holds {ascii(member.name)[:100]} twice")
            try:
                tar.extract(member, folder, set_attrs=False)
            except (FileExistsError, NotADirectoryError):
                raise ArchiveError(f"it holds {ascii(member.name)[:100]} twice") from None
            on_file()
        # tarfile takes damage between two files for the end; the end is a block of zeros.
        if counted.last != bytes(tarfile.BLOCKSIZE):
            raise ArchiveError(f"it breaks off, or is damaged, after {count} files")
    while counted.read(_CHUNK):
        pass  # what follows carries the checksum of all


def _unpack_zip(archive: Path, folder: Path, on_progress: OnProgress) -> None:
    size = archive.stat().st_size
    limit = left = _FREE_BYTES + _GROWTH * size
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            if len(members) > _MAX_FILES:
                raise ArchiveError(f"it holds more than {_MAX_FILES:,} files")
            for done, member in enumerate(members):
                _check_zipped(member)
                path = folder / member.filename
                if member.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as source, path.open("xb") as out:
                    while block := source.read(_CHUNK):
                        left -= len(block)
                        if left < 0:
                            raise ArchiveError(f"it unpacks to more than {limit:,} bytes")
                        out.write(block)
                on_progress(size * (done + 1) // len(members), size)
    except (FileExistsError, NotADirectoryError):
        raise ArchiveError(f"it holds {ascii(member.filename)[:100]} twice") from None
    except (*_BROKEN_ZIP, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # bz2 reports broken data as OSError without a number
        raise ArchiveError(f"it is no whole zip archive that can be read ({error})") from None


def _check_zipped(member: zipfile.ZipInfo) -> None:
    """Raise ArchiveError for what is no plain file or folder, would leave the folder, or is encrypted."""
    shown = ascii(member.filename)[:100]
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"it holds the link or special file {shown}: wanted plain files and folders")
    if member.flag_bits & 1:
        raise ArchiveError(f"its file {shown} is encrypted")
    _refuse_outside(member.filename, shown)


def _check(member: tarfile.TarInfo) -> None:
    """Raise ArchiveError for what is no plain file or folder, or would leave the folder."""
    shown = ascii(member.name)[:100]
    if not (member.isreg() or member.isdir()) or member.issparse() or member.size < 0:
        kind = _KINDS.get(member.type, "the special file")
        raise ArchiveError(f"it holds {kind} {shown}: wanted plain files and folders")
    _refuse_outside(member.name, shown)


def _refuse_outside(name: str, shown: str) -> None:
    parts, anchor = PurePosixPath(name).parts, PureWindowsPath(name).anchor
    if ".." in parts or anchor or "\\" in name:  # an anchor is a leading / or a drive
        raise ArchiveError(f"its file {shown} leads outside the folder")
