"""Files in, files out, on all cores: what `data split`, `combine`, `resize` and `frames` share.

A picture that cannot be used is left out and named. An output that exists is not replaced unless forced. A
full disk stops everything. Every file of the folders is used or named.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import iglob
from pathlib import Path

from pix2pix.data.origins import refuse_listed
from pix2pix.errors import UserError, in_short
from pix2pix.files import before_glob
from pix2pix.progress import OnProgress, in_parallel


@dataclass(frozen=True)
class Done:
    """What was made.

    `pairs` counts the pairs, or pictures, of each split ("" without splits); `written` counts the new ones.
    """

    pairs: Mapping[str, int]
    written: int
    failures: Sequence[str]  # one sentence for each picture that was left out
    ignored: Sequence[Path]  # files that are no pictures of pairs


@dataclass(frozen=True)
class FileTask:
    """Files to read, files to write."""

    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    split: str = ""


class LeftOutError(UserError):
    """What is wrong with one picture; the others go on."""


def check_places(data: Sequence[str | Path], out: Path) -> list[Path]:
    """Return the folders of `data`; of a glob the one in front of its patterns.

    Raises UserError where one is neither folder nor glob, or where `out` lies among its pictures.
    """
    folders = []
    for place in data:
        refuse_listed(place)
        folder = Path(place) if Path(place).is_dir() else before_glob(Path(place))
        if not folder.is_dir():
            raise UserError(f"{place} is no folder: wanted one of pictures, or an archive or a glob of them.")
        folders.append(folder)
        if among := _among(place, folder, out):
            raise UserError(f"{out} lies in {among}, among its pictures.", "Choose another --out.")
    return folders


def _among(place: str | Path, folder: Path, out: Path) -> Path | None:
    """Return the folder among whose pictures `out` lies, if any.

    A glob without ** goes no deeper than its pictures: it never matches what is written below them.
    """
    if Path(place).is_dir() or "**" in Path(place).parts:
        return folder if folder.resolve() in (out.resolve(), *out.resolve().parents) else None
    matched = {folder, *(Path(match).parent for match in iglob(str(place)))}
    return next((f for f in sorted(matched) if f.resolve() == out.resolve()), None)


@contextmanager
def leaving_out() -> Iterator[None]:
    """Turn what goes wrong in the block into LeftOutError: only one picture is affected."""
    try:
        yield
    except UserError as error:
        raise LeftOutError(error.message, error.hint) from None
    except OSError as error:
        raise LeftOutError(f"{error.filename} cannot be read: {error.strerror or error}.") from None


def refuse_existing(path: Path, force: bool) -> None:
    """Raise UserError where an output exists and is not to be replaced."""
    if path.exists() and not force:
        raise UserError(f"{path} exists.", "It was left as it is; --force replaces it.")


def run(
    tasks: Sequence[FileTask],
    write: Callable[[FileTask], bool],
    failures: Mapping[Path, str],
    data: Sequence[str | Path],
    on_progress: OnProgress,
) -> Done:
    """Do the tasks on all cores; `write` returns whether it wrote something.

    `failures` has a sentence for each file that is no task; the tasks read the folders or globs of `data`.
    Raises UserError where nothing could be used.
    """
    failures, pairs, written = dict(failures), Counter[str](), 0
    for task, result in in_parallel(tasks, write, on_progress):
        if isinstance(result, LeftOutError):
            failures[task.inputs[0]] = str(result)
        elif isinstance(result, UserError):
            raise result
        else:
            pairs[task.split] += 1
            written += result
    if not pairs:
        raise _nothing_used([*failures.values()], data)
    named = {*failures, *(path for task in tasks for path in task.inputs)}
    return Done(pairs, written, [*failures.values()], _other_files(data, named))


def _nothing_used(failures: Sequence[str], data: Sequence[str | Path]) -> UserError:
    if not failures:
        return UserError(f"{' and '.join(map(str, data))}: no pictures are there.")
    return UserError(
        in_short(failures), f"None of {len(failures)} could be used." if len(failures) > 1 else ""
    )


def _other_files(data: Sequence[str | Path], named: set[Path]) -> list[Path]:
    """Return the files of the folders that were neither used nor named; hidden ones are not."""
    return sorted(
        path
        for folder in map(Path, data)
        for path in folder.rglob("*")
        if path not in named
        and (not path.is_dir() or path.is_symlink())
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
