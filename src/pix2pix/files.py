"""Files and folders: which are pictures, and how a file is written whole or not at all."""

import errno
import glob
import hashlib
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from stat import S_ISDIR
from typing import Literal, NamedTuple

from pix2pix.errors import UserError, counted, joined

CACHE = "PIX2PIX_CACHE"
_STALE_SECONDS = 86_400.0
_UMASK = os.umask(0)  # it can only be read by setting it
os.umask(_UMASK)
# Formats that are written; all that are read are these and a few old ones.
WRITTEN_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".npy"})
PICTURE_SUFFIXES = WRITTEN_SUFFIXES | {".gif", ".ppm", ".pgm"}
ENDINGS = f"Known endings: {' '.join(sorted(PICTURE_SUFFIXES))}."


class Pictures(NamedTuple):
    """The pictures of a folder or a glob, sorted; names are relative to `root`."""

    root: Path
    files: list[Path]


def is_picture(path: Path) -> bool:
    """Return whether a path's ending is one of a picture; nothing is opened."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def is_lossy(path: Path) -> bool:
    """Return whether a file's format changes pixels."""
    return path.suffix.lower() in (".jpg", ".jpeg", ".webp")


def list_pictures(folder: Path) -> list[Path]:
    """Return every picture below a folder, sorted; with sub-folders and links, without hidden ones.

    A link that leads nowhere is listed, so that opening it names it. Raises UserError for a folder
    that cannot be opened.
    """
    return sorted(_pictures_below(folder, frozenset()))


def holds_pictures(folder: Path) -> bool:
    """Return whether a folder holds any picture, which is looked for no further than the first."""
    return next(_pictures_below(folder, frozenset()), None) is not None


def no_pictures(folder: Path, hint: str) -> UserError:
    """Return the error of a folder without pictures, which says what it holds in their place."""
    endings = Counter(file.suffix for file in folder.rglob("[!.]*") if file.is_file())
    most = sorted(endings, key=lambda ending: (-endings[ending], ending))
    held = counted(endings.total(), "file")
    if most:
        held += f": {joined([ending or 'files without an ending' for ending in most])}"
    return UserError(f"{folder} holds no pictures ({held}).", hint)


def find_pictures(place: str | Path) -> Pictures:
    """Return the pictures that an argument stands for: a file, all of a folder, or those of a glob.

    Raises UserError where there is nothing of that name; a folder may hold none.
    """
    path = Path(place)
    what = kind(path)
    if what == "file":
        return Pictures(path.parent, [path])
    if what == "folder":
        return Pictures(path, list_pictures(path))
    if not glob.has_magic(str(place)):
        raise UserError(f"There is no file or folder {path}.")
    matches = [Path(match) for match in sorted(glob.glob(str(place), recursive=True))]
    files = [match for match in matches if is_picture(match) and match.is_file()]
    if not files and (folder := next((m for m in matches if m.is_dir() and not is_picture(m)), None)):
        raise UserError(f"{place} matches folders, such as {folder}.", f"Their pictures are {place}/*.")
    if not files:
        raise UserError(f"No picture matches {place}.", ENDINGS)
    return Pictures(before_glob(path), files)


def before_glob(path: Path) -> Path:
    """Return the part of a path in front of the first that is a pattern."""
    return Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))


def kind(path: Path) -> Literal["file", "folder", "nothing"]:
    """Return what a path leads to; raise UserError where the system does not say."""
    try:
        return "folder" if S_ISDIR(path.stat().st_mode) else "file"
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except OSError as error:
        raise UserError(f"Cannot open {path}: {error.strerror}.") from None


def require_own_folder(path: Path, is_own: bool, what: str, option: str = "-o") -> None:
    """Raise UserError for a file, and for a folder that is neither empty nor the writer's own."""
    if kind(path) == "file" or (
        kind(path) == "folder" and not is_own and any(not p.name.startswith(".") for p in path.iterdir())
    ):
        raise UserError(f"{path} is not empty and no {what}.", f"Choose another folder with {option}.")


def cache_folder() -> Path:
    """Return the folder for what can be made again: $PIX2PIX_CACHE, or pix2pix in the user's cache."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pix2pix"


def limit_from_environment(variable: str, default: float, unit: str) -> float:
    """Return a number of an environment variable; raise UserError where it is none."""
    text = os.environ.get(variable, str(default))
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{variable} is '{text}': wanted a number{unit}.") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path that replaces `path` when the block ends well.

    The new file is flushed to disk before it is renamed: after a crash there is the old file or
    the new one, whole. Raises UserError where it cannot be written; the old file stays.
    """
    # The suffix is kept, because writers choose their format by it; a long name is not. The random
    # part keeps threads, processes and machines on one disk apart.
    temporary = path.with_name(f".unfinished-{secrets.token_hex(4)}-{path.name[-50:]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        # Some writers make private files; these get the permissions of the user's others.
        temporary.chmod(0o666 & ~_UMASK)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all; raises UserError where it cannot be written.

    Bytes of names that are no text become question marks.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8", errors="replace")


@contextmanager
def exclusive(path: Path, taken: str) -> Iterator[None]:
    """Keep other processes out of a block by locking a file, made where it is missing.

    Raises UserError(taken) where another process is inside. Windows has no such locks: there two
    processes are not noticed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("w", encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from None
    with opened:
        try:
            with suppress(ImportError):
                import fcntl

                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(taken, "Wait for it.") from None
        yield


def _pictures_below(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    # A link may lead back up, endlessly.
    for path in [] if real in above else _entries(folder):
        if path.is_dir():
            yield from _pictures_below(path, above | {real})
        elif is_picture(path) and (path.is_file() or not path.exists()):
            yield path


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder and not hidden; nothing of a missing folder."""
    try:
        return [folder / name for name in os.listdir(folder) if not name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"Cannot open {folder}: {error.strerror}.") from None


def version(path: Path) -> tuple[str, int, int]:
    """Return what changes when a file does: real path, bytes and time; of a missing one only its path."""
    try:
        stat = path.stat()
    except OSError:
        return os.path.realpath(path), 0, 0
    return os.path.realpath(path), stat.st_size, stat.st_mtime_ns


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; raises UserError where it cannot be read."""
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror or error}.") from error


def remove_stale(folder: Path) -> None:
    """Remove the unfinished files that killed processes left in a folder more than a day ago."""
    for path in folder.glob(".unfinished-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()


def cannot_write(path: Path, error: OSError) -> UserError:
    """Return the error of a file that could not be written."""
    # Libraries that hide the number most likely met a full disk.
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, None)
    return UserError(f"Cannot write {path}: {error.strerror or error}.", _other_place(path, full))


def require_space(path: Path, needed: int, what: str) -> None:
    """Raise UserError where the disk on which a path lies, or will lie, has not so many bytes free.

    `what` is to be written there: "The decoded pairs".
    """
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise UserError(
            f"{what} take {bytes_in_words(needed)} in {path}, and its disk has {bytes_in_words(free)} free.",
            _other_place(path, full=True),
        )


def bytes_in_words(count: float) -> str:
    """Return a number of bytes as "1.2 GB" or "3.4 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _other_place(path: Path, full: bool) -> str:
    """Return the hint to write elsewhere; the cache's place is a variable."""
    in_cache = path.absolute().is_relative_to(cache_folder().absolute())
    choose = f"set the variable {CACHE} to a folder with room" if in_cache else "choose another place"
    hint = f"Free some space or {choose}" if full else choose[0].upper() + choose[1:]
    return f"{hint}, then run the same command again."
