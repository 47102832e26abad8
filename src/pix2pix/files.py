"""Files and folders: which are pictures, and how one is written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import Literal

from pix2pix.errors import UserError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".npy"})


def is_picture(path: Path) -> bool:
    """Whether a path's ending is one of a picture; nothing is opened."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def list_pictures(folder: Path) -> list[Path]:
    """Every picture below a folder, sub-folders included but no hidden ones, sorted by path."""
    return sorted(
        path
        for path in folder.rglob("*")
        if is_picture(path) and not _is_hidden(path.relative_to(folder)) and path.is_file()
    )


def kind(path: Path) -> Literal["file", "folder", "nothing"]:
    """What a path leads to; raises UserError where the system refuses to tell."""
    try:
        return "folder" if S_ISDIR(path.stat().st_mode) else "file"
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except OSError as error:
        raise UserError(f"Cannot open {path}: {error.strerror}.") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends well.

    The new file is flushed to disk before it is renamed: after a crash there is the old file or
    the new one, whole. Raises UserError where it cannot be written; the old file stays.
    """
    # The suffix is kept, because writers choose their format by it; a long name is not.
    temporary = path.with_name(f".{os.getpid()}-{path.name[-60:]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def cannot_write(path: Path, error: OSError) -> UserError:
    """The sentence for a file that could not be written."""
    reason = error.strerror or str(error)
    return UserError(
        f"Cannot write {path}: {reason}.",
        "Free some space or choose another place, then run the same command again.",
    )
