"""Archives in place of folders: unpacked once, into the cache, where later runs find them."""

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from pix2pix.data import cache
from pix2pix.data.archives import ArchiveError, is_archive, new_folder, run_name, unpack
from pix2pix.errors import UserError
from pix2pix.files import cache_folder, version
from pix2pix.progress import OnProgress, no_progress

_COUNT = ".files"  # in the folder: how many files it has when it is whole
_CALL = re.compile("(`pix2pix [^`]*`)")


def with_archives(data: Sequence[str], on_progress: OnProgress = no_progress) -> list[str]:
    """Return DATA with the folder of each archive in its place; raise UserError for one that is refused."""
    paths = [Path(word) for word in data]
    return [str(_unpacked(path, on_progress)) if is_archive(path) else str(path) for path in paths]


def named(text: str, archives: Mapping[str, str]) -> str:
    """Return a text that names archives by the paths that a user gave, in place of their folders.

    `archives` are these paths by folder. In calls, between backticks, only whole words are replaced: a shell
    finds a folder inside an archive in the cache alone.
    """
    parts = _CALL.split(text)
    for folder, archive in archives.items():
        parts[::2] = [prose.replace(folder, archive) for prose in parts[::2]]
        new_words = {folder: archive, f"{Path(folder).name}-split": f"{run_name(archive)}-split"}
        parts[1::2] = [_with_words(call, new_words) for call in parts[1::2]]
    return "".join(parts)


def _with_words(call: str, new_words: Mapping[str, str]) -> str:
    """Return a call in backticks with other words; as it is where a name with a backtick ends it early."""
    try:
        words = shlex.split(call.strip("`"))
    except ValueError:
        return call
    return f"`{shlex.join(new_words.get(word, word) for word in words)}`"


def _unpacked(archive: Path, on_progress: OnProgress) -> Path:
    digest = hashlib.sha256(repr(version(archive)).encode()).hexdigest()[:16]
    folder = cache_folder() / cache.UNPACKED / digest
    if not _is_whole(folder):
        cache.remove_folder(folder)
        try:
            with new_folder(folder) as temporary:
                unpack(archive, temporary, on_progress)
                (temporary / _COUNT).write_text(str(_count(temporary)), "utf-8")
        except ArchiveError as error:
            raise UserError(f"{archive} cannot be unpacked: {error}.") from None
        except UserError:
            if not _is_whole(folder):  # else another process was faster
                raise
    cache.hold(folder)
    return folder


def _is_whole(folder: Path) -> bool:
    """Return whether all files of an archive are there; `pix2pix data cache` may have removed a few."""
    try:
        return (folder / _COUNT).read_text("utf-8") == str(_count(folder))
    except OSError:
        return False


def _count(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("[!.]*"))
