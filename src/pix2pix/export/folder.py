"""A folder that is written whole or not at all, and replaces only what an earlier export wrote."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.files import cannot_write, kind

LIST = "export.json"  # what an export wrote, so that a later one may take it away

_log = logging.getLogger(__name__)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `path` when the block ends well.

    Raises UserError where `path` holds anything that no earlier export wrote, and where it cannot
    be written; what is there stays.
    """
    path = Path(os.path.realpath(path))  # of a link, the folder is replaced
    refuse_strangers(path)
    mark = secrets.token_hex(4)
    unfinished = path.with_name(f".unfinished-{mark}-{path.name[-50:]}")
    old = path.with_name(f".old-{mark}-{path.name[-50:]}")
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        refuse_strangers(path)  # the work took long enough for some to come
        if kind(path) == "folder":
            os.replace(path, old)
        os.replace(unfinished, path)
    except BaseException as error:  # Ctrl-C can come between the two renames
        _put_back(old, path)
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise
    shutil.rmtree(old, ignore_errors=True)


def _put_back(old: Path, path: Path) -> None:
    if kind(old) == "folder" and kind(path) == "nothing":
        try:
            os.replace(old, path)
        except OSError:
            _log.warning("note: what was in %s is now in %s", path, old)


def refuse_strangers(path: Path) -> None:
    """Raise UserError unless `path` is nothing, empty, or what an export wrote and nothing else."""
    found = kind(path)
    if found == "file":
        raise UserError(f"{path} is a file: wanted a folder to write to.")
    if found == "nothing" or not any(path.iterdir()):
        return
    written = _written(path)
    strangers = sorted(files_below(path) - written)
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise UserError(
            f"{path} holds {strangers[0]}{more}, which no export wrote: the folder is replaced as a whole.",
            "Name a new folder, or take away what is in this one.",
        )


def write_list(folder: Path) -> str:
    """Note what the folder holds, and return the digest of it all."""
    digests = {name: digest(folder / name) for name in sorted(files_below(folder))}
    (folder / LIST).write_text(json.dumps(digests, indent=1) + "\n", "utf-8")
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def files_below(folder: Path) -> set[str]:
    """Relative names of all files, hidden ones included."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _written(folder: Path) -> set[str]:
    try:
        return {LIST, *json.loads((folder / LIST).read_text("utf-8"))}
    except (OSError, ValueError, TypeError):
        return set()
