"""A folder that is written whole or not at all, and replaces only what an earlier export wrote.

Large files in it are cut into parts: hosts refuse files from 25 MB on, and a browser that lost its
connection fetches only the part that broke off.
"""

import gzip
import hashlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pix2pix.errors import UserError
from pix2pix.files import cannot_write, kind
from pix2pix.parsing import parse_json

LIST = "export.json"  # what an export wrote, so that a later one may remove it
PART_BYTES = 8 << 20

_log = logging.getLogger(__name__)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `path` when the block ends well.

    Raises UserError where `path` holds anything that no earlier export wrote, and where it cannot
    be written; the old content stays.
    """
    path = Path(os.path.realpath(path))  # of a link, the folder is replaced
    _refuse_unknown_files(path)
    mark = secrets.token_hex(4)
    unfinished, old = (path.with_name(f".{word}-{mark}-{path.name[-50:]}") for word in ("unfinished", "old"))
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        _refuse_unknown_files(path)  # files may have come during the work
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
            _log.warning("note: the old content of %s is now in %s", path, old)


def _refuse_unknown_files(path: Path) -> None:
    """Raise UserError unless `path` is nothing, empty, or what an export wrote and nothing else."""
    if kind(path) == "file":
        raise UserError(f"{path} is a file: wanted a folder to write to.")
    try:
        written = {LIST, *parse_json((path / LIST).read_text("utf-8"))}
    except (OSError, ValueError, TypeError):
        written = set()
    if strangers := sorted(files_below(path) - written):
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise UserError(
            f"{path} holds {strangers[0]}{more}, which no export wrote: the folder is replaced as a whole.",
            "Name a new folder, or move the files out of this one.",
        )


def write_list(folder: Path) -> str:
    """Write the list of the folder's files, and return the digest of all contents and names."""
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(files_below(folder))
    }
    (folder / LIST).write_text(json.dumps(digests, indent=1) + "\n", "utf-8")
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def files_below(folder: Path) -> set[str]:
    """Return the relative names of all files, hidden ones included."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def write_parts(data: bytes, folder: Path, place: str, *, compress: bool = False) -> dict[str, Any]:
    """Write `data` below `folder`/`place`, and return what a page needs to put it together again.

    {"parts": [{"file", "bytes", "sha256"}, ...], "bytes", "sha256", "gzip"}, files relative to
    `folder`. Names come from the content, so that no cache can hold an old one under a new name.
    """
    packed = gzip.compress(data, mtime=0) if compress else data
    digest = hashlib.sha256(packed).hexdigest()
    (folder / place).mkdir(parents=True, exist_ok=True)
    parts = []
    for number, start in enumerate(range(0, len(packed), PART_BYTES)):
        part, name = packed[start : start + PART_BYTES], f"{place}/{digest[:16]}.{number:02d}.bin"
        (folder / name).write_bytes(part)
        parts.append({"file": name, "bytes": len(part), "sha256": hashlib.sha256(part).hexdigest()})
    return {"parts": parts, "bytes": len(packed), "sha256": digest, "gzip": compress}
