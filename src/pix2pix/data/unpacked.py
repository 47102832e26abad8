"""Archives in place of folders: unpacked once, into the cache, where later runs find them."""

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pix2pix.data import cache
from pix2pix.data.archives import ArchiveError, is_archive, new_folder, run_name, unpack
from pix2pix.errors import UserError
from pix2pix.files import cache_folder, version
from pix2pix.pairs.likely import for_command
from pix2pix.progress import OnProgress, no_progress

_COUNT = ".files"  # in the folder: how many files it has when it is whole
_CALL = re.compile("(`pix2pix [^`]*`)")


class Unpacked(NamedTuple):
    """DATA with a folder in place of each archive, and the archives by their folders."""

    words: list[str]
    archives: Mapping[str, str]

    def named(self, text: str) -> str:
        """Return a text that names archives in place of their folders.

        In calls, between backticks, only whole words are replaced: a shell finds a folder inside an archive
        in the cache alone.
        """
        parts = _CALL.split(text)
        for folder, archive in self.archives.items():
            parts[::2] = [prose.replace(folder, archive) for prose in parts[::2]]
            new_words = {folder: archive, f"{Path(folder).name}-split": f"{run_name(archive)}-split"}
            parts[1::2] = [_with_words(call, new_words) for call in parts[1::2]]
        return "".join(parts)

    @contextmanager
    def naming(self, command: str = "train") -> Iterator[None]:
        """Make the UserErrors of a block name the archives, and propose calls of a command."""
        try:
            yield
        except UserError as error:
            if not self.archives and command == "train":
                raise
            hint = for_command(error.hint, command)
            raise UserError(self.named(error.message), self.named(hint)) from None


def with_archives(data: Sequence[str | Path], on_progress: OnProgress = no_progress) -> Unpacked:
    """Return DATA with its archives unpacked; raise UserError for an archive that is refused."""
    words = [str(_unpacked(Path(w), on_progress) if is_archive(Path(w)) else w) for w in data]
    pairs = zip(words, map(str, data), strict=True)
    return Unpacked(words, {folder: word for folder, word in pairs if folder != word})


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
