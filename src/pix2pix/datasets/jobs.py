"""Pictures in, pictures out, on all cores: what `data split`, `combine` and `resize` share.

A picture that cannot be treated is left out and named, an output that exists is left as it is
unless forced, and a full disk stops the whole. Every file of the folders is used or named.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pix2pix.data.pairs import match, name_of
from pix2pix.errors import UserError
from pix2pix.files import list_pictures

Progress = Callable[[int, int], None]  # told jobs done, and all


@dataclass(frozen=True)
class Done:
    """What there is now, and what there is not.

    `pairs` counts those (or the pictures) of each split, "" without splits; `written` how many of
    them were not there before.
    """

    pairs: Mapping[str, int]
    written: int
    failures: Sequence[str]  # one sentence for each picture that was left out
    ignored: Sequence[Path]  # files that are no pictures of pairs


@dataclass(frozen=True)
class Job:
    """Pictures in, pictures out."""

    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    split: str = ""


class LeftOutError(UserError):
    """What is wrong with one picture; the others go on."""


def check_folders(data: Sequence[Path], out: Path) -> None:
    """Raise UserError where one of `data` is no folder, or `out` would lie among its pictures."""
    for folder in data:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder: wanted one of pictures.")
        if folder.resolve() in (out.resolve(), *out.resolve().parents):
            raise UserError(f"{out} lies in {folder}, among its pictures.", "Choose another --out.")


def pairs_of(folders: Sequence[Path]) -> tuple[list[tuple[str, tuple[Path, ...]]], dict[Path, str]]:
    """(name, files) of each pair by name without ending, and a sentence for each that has none."""
    if len(folders) == 1:
        return [(name_of(path, folders[0]), (path,)) for path in list_pictures(folders[0])], {}
    matched, failures = match(*folders)
    return list(matched.items()), failures


@contextmanager
def leaving_out() -> Iterator[None]:
    """What goes wrong in the block is wrong with one picture."""
    try:
        yield
    except UserError as error:
        raise LeftOutError(error.message, error.hint) from None
    except OSError as error:
        told = f"{error.filename} cannot be read: {error.strerror or error}."
        raise LeftOutError(told) from None


def refuse_existing(path: Path, force: bool) -> None:
    """Raise UserError where an output exists and is not to be replaced."""
    if path.exists() and not force:
        raise UserError(f"{path} exists.", "It was left as it is; --force replaces it.")


def run(
    jobs: Sequence[Job],
    treat: Callable[[Job], bool],
    failures: dict[Path, str],
    data: Sequence[Path],
    progress: Progress,
) -> Done:
    """Do the jobs on all cores; `treat` says whether something was written."""

    def attempt(job: Job) -> bool | LeftOutError:
        try:
            return treat(job)
        except LeftOutError as error:
            return error

    failures, pairs, written = dict(failures), Counter[str](), 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for done, (job, result) in enumerate(zip(jobs, pool.map(attempt, jobs), strict=True), 1):
                if isinstance(result, LeftOutError):
                    failures[job.inputs[0]] = str(result)
                else:
                    pairs[job.split] += 1
                    written += result
                progress(done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # the queue would be worked off first
            raise
    named = {*failures, *(path for job in jobs for path in job.inputs)}
    if not pairs:
        raise _nothing(list(failures.values()), data)
    return Done(pairs, written, [*failures.values()], _others(data, named))


def _nothing(failures: Sequence[str], data: Sequence[Path]) -> UserError:
    if len(failures) == 1:
        return UserError(failures[0])
    if failures:
        more = f" (and {len(failures) - 5} more)" if len(failures) > 5 else ""
        return UserError(" ".join(failures[:5]) + more, f"None of {len(failures)} could be used.")
    return UserError(f"{' and '.join(map(str, data))}: no pictures are there.")


def _others(data: Sequence[Path], named: set[Path]) -> list[Path]:
    """What lies in the folders beside the files that were used or named, but for hidden files."""
    return sorted(
        path
        for folder in data
        for path in folder.rglob("*")
        if path not in named
        and (not path.is_dir() or path.is_symlink())
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
