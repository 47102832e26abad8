"""Where pictures lie: a folder, or a folder of a store that is named by a URI (s3://, gs://, ...).

A store is reached through pyarrow, or through fsspec where pyarrow does not know its kind.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

from pyarrow import fs

from pix2pix.errors import UserError, first_line
from pix2pix.files import replacing

CONNECTIONS = 16  # to a store at a time, by one process: each waits most of its time
T = TypeVar("T")
_ATTEMPTS = 5
_FIRST_WAIT_SECONDS = 0.5  # doubled after each attempt
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class Entry(NamedTuple):
    """A file of a place: its path below the place, bytes, and time of change in nanoseconds."""

    path: str
    size: int
    modified: int


@dataclass(frozen=True)
class Place:
    """A folder: `text` as the user wrote it, `root` as its file system calls it."""

    text: str
    root: str
    system: Any  # pyarrow.fs.FileSystem, which can be sent to other processes

    @property
    def is_local(self) -> bool:
        """Return whether it is a folder of this machine's file system."""
        return isinstance(self.system, fs.LocalFileSystem)

    def local(self, path: str) -> Path:
        """Return the path of a local place's file."""
        return Path(self.root, path)

    def name(self, path: str) -> str:
        """Return a file's name for messages."""
        return f"{self.text.partition('?')[0].rstrip('/')}/{path}".rstrip("/")

    def entries(self) -> list[Entry]:
        """Return every file below the place that is not hidden, sorted; none where there is no folder.

        Raises UserError where the store does not answer.
        """
        selector = fs.FileSelector(self.root, recursive=True, allow_not_found=True)
        infos = self._try(lambda: self.system.get_file_info(selector), "")
        start = len(self.root.rstrip("/")) + 1
        files = (info for info in infos if info.type != fs.FileType.Directory)
        entries = (Entry(info.path[start:], info.size or 0, info.mtime_ns or 0) for info in files)
        return sorted(e for e in entries if not any(p.startswith(".") for p in e.path.split("/")))

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raises UserError where it cannot be read."""
        return self._try(lambda: self._read(path), path)

    def open(self, path: str) -> Any:
        """Return a file to read any part of; raises UserError where it cannot be opened."""
        return self._try(lambda: self.system.open_input_file(f"{self.root}/{path}"), path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file, whole or not at all; raises UserError where it cannot be written."""
        if self.is_local:
            with replacing(self.local(path)) as temporary:
                temporary.write_bytes(data)
        else:
            self._try(lambda: self._write(path, data), path, "write")

    def delete(self, path: str) -> None:
        """Delete a file; a missing one is as good."""
        if self.has(path):
            self._try(lambda: self.system.delete_file(f"{self.root}/{path}"), path, "delete")

    def has(self, path: str) -> bool:
        """Return whether there is such a file."""
        info = self._try(lambda: self.system.get_file_info(f"{self.root}/{path}"), path)
        return bool(info.type == fs.FileType.File)

    def free_bytes(self) -> int | None:
        """Return what a local disk has free; None of a store."""
        if not self.is_local:
            return None
        folder = Path(self.root)
        return shutil.disk_usage(next(f for f in (folder, *folder.parents) if f.exists())).free

    def _read(self, path: str) -> bytes:
        with self.system.open_input_stream(f"{self.root}/{path}") as stream:
            return bytes(stream.read())

    def _write(self, path: str, data: bytes) -> None:
        target = PurePosixPath(self.root, path)
        if not isinstance(self.system, fs.S3FileSystem | fs.GcsFileSystem):  # those have no folders
            self.system.create_dir(str(target.parent), recursive=True)
        with self.system.open_output_stream(str(target)) as stream:
            stream.write(data)

    def _try(self, action: Callable[[], T], path: str, what: str = "read") -> T:
        """Return what the action returns; of a store it is tried again where the connection breaks."""
        for attempt in range(_ATTEMPTS):
            try:
                return action()
            except OSError as error:
                final = self.is_local or isinstance(error, _FINAL) or attempt == _ATTEMPTS - 1
                if final:
                    if isinstance(error, FileNotFoundError):
                        raise UserError(f"There is no file {self.name(path)}.") from error
                    raise UserError(f"Cannot {what} {self.name(path)}: {first_line(error)}.") from error
                time.sleep(_FIRST_WAIT_SECONDS * 2**attempt)
        raise AssertionError


def open_place(text: str) -> Place:
    """Return the place that a path or a URI names; nothing needs to be there yet.

    Raises UserError for a URI of a kind that neither pyarrow nor fsspec knows.
    """
    if "://" not in text:
        return Place(text, str(Path(text).resolve()), fs.LocalFileSystem())
    try:
        system, root = fs.FileSystem.from_uri(_in_one_request(text))
    except (ValueError, NotImplementedError, OSError) as error:
        system, root = _by_fsspec(text, error)
    return Place(text, root.rstrip("/"), system)


def refuse_overlap(source: Place, target: Place) -> None:
    """Raise UserError where one of two places lies in the other."""
    if type(source.system) is not type(target.system):
        return
    a, b = PurePosixPath(source.root), PurePosixPath(target.root)
    if b.is_relative_to(a) or a.is_relative_to(b):
        where = "are one folder" if a == b else f"lie in each other ({source.root}, {target.root})"
        raise UserError(
            f"IN and OUT {where}: translations would be taken for pictures to translate.",
            "Choose an OUT that is outside of IN.",
        )


def is_full(error: BaseException) -> bool:
    """Return whether writing failed for a reason that holds for every further file."""
    cause = error.__cause__
    # Libraries that hide the number most likely met a full disk.
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, None)


def _in_one_request(text: str) -> str:
    """Return a URI by which S3 gets a small file in one request; by default pyarrow makes three."""
    if not text.startswith("s3://") or "allow_delayed_open" in text:
        return text
    return f"{text}{'&' if '?' in text else '?'}allow_delayed_open=true"


def _by_fsspec(text: str, first: Exception) -> tuple[Any, str]:
    scheme = text.partition("://")[0]
    try:
        import fsspec

        system, root = fsspec.core.url_to_fs(text)
    except ImportError as error:
        raise UserError(f"{text} cannot be opened: {first_line(error)}.") from None
    except ValueError:
        raise UserError(
            f"{text} cannot be opened: {first_line(first)}.",
            f"'{scheme}' must be a kind of store that pyarrow or fsspec knows, such as s3, gs, abfs.",
        ) from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), root
