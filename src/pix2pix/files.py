"""Files and folders: which are pictures, and how one is written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import Literal

from pix2pix.errors import UserError

_STALE_SECONDS = 86_400.0
_UMASK = os.umask(0)  # there is no way to read it but to set it
os.umask(_UMASK)
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".npy"})


def is_picture(path: Path) -> bool:
    """Whether a path's ending is one of a picture; nothing is opened."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def list_pictures(folder: Path) -> list[Path]:
    """Every picture below a folder, sub-folders and links included but no hidden ones, by path.

    A link that leads nowhere is listed, so that whoever opens it names it. Raises UserError for a
    folder that cannot be opened.
    """
    found: list[Path] = []
    below = [(folder, frozenset({os.path.realpath(folder)}))]
    while below:
        inside, above = below.pop()
        for path in _entries(inside):
            if path.is_dir():
                real = os.path.realpath(path)
                if real not in above:  # else a link leads back up, for ever
                    below.append((path, above | {real}))
            elif is_picture(path) and (path.is_file() or not path.exists()):
                found.append(path)
    return sorted(found)


def kind(path: Path) -> Literal["file", "folder", "nothing"]:
    """What a path leads to; raises UserError where the system refuses to tell."""
    try:
        return "folder" if S_ISDIR(path.stat().st_mode) else "file"
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except OSError as error:
        raise UserError(f"Cannot open {path}: {error.strerror}.") from None


def cache_folder() -> Path:
    """For what can be made anew: $PIX2PIX_CACHE, or pix2pix in the cache folder of the user."""
    if chosen := os.environ.get("PIX2PIX_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pix2pix"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends well.

    The new file is flushed to disk before it is renamed: after a crash there is the old file or
    the new one, whole. Raises UserError where it cannot be written; the old file stays.
    """
    # The suffix is kept, because writers choose their format by it; a long name is not. The random
    # part keeps threads, processes and machines on one disk apart.
    temporary = path.with_name(f".unfinished-{secrets.token_hex(4)}-{path.name[-50:]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        # Some writers keep their files to themselves; these are as public as the user's others.
        temporary.chmod(0o666 & ~_UMASK)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _entries(folder: Path) -> list[Path]:
    """What is in a folder and not hidden; nothing where there is no folder."""
    try:
        return [folder / name for name in os.listdir(folder) if not name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"Cannot open {folder}: {error.strerror}.") from None


def remove_stale(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder more than a day ago."""
    for path in folder.glob(".unfinished-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()


def cannot_write(path: Path, error: OSError) -> UserError:
    """The sentence for a file that could not be written."""
    # Without a number it comes from a library that hides it: most likely the disk is full.
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, None)
    return UserError(
        f"Cannot write {path}: {error.strerror or error}.",
        ("Free some space or choose" if full else "Choose")
        + " another place, then run the same command again.",
    )
