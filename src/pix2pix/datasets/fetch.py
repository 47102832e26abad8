"""Fetch the paper's data sets: downloaded in as many goes as it takes, checked, safely unpacked.

    fetch(data_sets()["facades"], Path("facades"))

The addresses of `sets.toml` are tried one after the other. What has come is kept beside the folder
in `.NAME.fetch/` and continued by the same call. The archive is a stranger's: it may hold plain
files and folders, none outside and none huge. The folder takes its name when it is whole.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pix2pix.datasets.archives import ArchiveError, new_folder, unpack
from pix2pix.datasets.download import MB, AddressError, Rest
from pix2pix.errors import UserError
from pix2pix.files import cannot_write, list_pictures
from pix2pix.progress import Progress

RECORD = "fetched.json"  # in the folder: where its pictures come from
_SPLITS = ("train", "val", "validation", "test")


@dataclass(frozen=True)
class DataSet:
    """One row of `sets.toml`, which says what each key means."""

    name: str
    about: str
    left: str
    right: str
    source: Literal["left", "right"]
    licence: str
    addresses: Sequence[str]
    about_mb: int
    pairs: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    sha256: str = ""
    agree: bool = False


@dataclass(frozen=True)
class Fetched:
    """What lies in the folder; `pairs` counts those of each split ("" where there is none)."""

    name: str
    origin: str
    sha256: str
    verified: bool
    pairs: Mapping[str, int]


def data_sets() -> dict[str, DataSet]:
    """The table of data sets by name."""
    text = importlib.resources.files("pix2pix.datasets").joinpath("sets.toml").read_text("utf-8")
    table = tomllib.loads(text)
    mirrors = table["mirrors"]
    return {
        name: DataSet(name, addresses=[f"{m}/{name}.tar.gz" for m in mirrors], **row)
        for name, row in table["sets"].items()
    }


def fetch(
    wanted: DataSet,
    out: Path,
    origin: str | None = None,
    accepted: bool = False,
    progress: Progress | None = None,
) -> Fetched:
    """Bring a data set into the folder `out`, unless it is there already.

    `origin` is an address or a local archive to take in place of the table's; `accepted` says that
    the user has accepted the licence of a set that asks for it. Raises UserError where no address
    gave the data set, the licence was not accepted, or `out` holds something else.
    """
    progress, out = progress or Progress(), out if out.name else out.resolve()
    if there := _there(wanted, out):
        progress.log(f"{out} is there already: {wanted.name} from {there.origin}.")
        return there
    if wanted.agree and not (accepted or origin):
        raise UserError(wanted.licence, "Then add --accept-licence, or your own copy by --from.")
    progress.log(f"{wanted.name}: {wanted.about}. {wanted.licence}")
    reasons = []
    for address in [origin] if origin else wanted.addresses:
        try:
            return _from(address, wanted, out, bool(origin), progress)
        except AddressError as failure:
            reasons.append(f"{address}: {failure}")
            progress.log(reasons[-1])
        finally:
            progress.close()
    work = _work(out)
    if work.is_dir() and not any(work.iterdir()):
        work.rmdir()
    raise UserError(
        f"{wanted.name} could not be fetched. {'; '.join(reasons)}.",
        "The same command goes on where it stopped; --from takes another address or a file.",
    )


def _there(wanted: DataSet, out: Path) -> Fetched | None:
    """What an earlier call left in the folder; None where there is no folder, or an empty one."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        there = Fetched(**json.loads((out / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        there = None
    if there is None or there.name != wanted.name:
        what = f"holds {there.name}" if there else "was not made by this command"
        raise UserError(f"{out} exists and {what}.", "Choose another --out, or move it away.")
    return there


def _from(address: str, wanted: DataSet, out: Path, chosen: bool, progress: Progress) -> Fetched:
    """Fetch and unpack what one address gives. `chosen`: by the user, so that he decides."""
    work = _work(out)
    local = Path(address).is_file()
    if not local and not address.startswith(("http://", "https://")):
        raise UserError(f"{address} is neither a file nor an address: wanted https://... .")
    try:
        archive = Path(address) if local else _download(address, wanted, work, chosen, progress)
        sha256 = _digest(archive, wanted, progress)
        with new_folder(out) as folder:
            pairs = _unpacked(archive, folder, progress)
            fetched = Fetched(wanted.name, address, sha256, sha256 == wanted.sha256, pairs)
            (folder / RECORD).write_text(json.dumps(asdict(fetched), indent=1), "utf-8")
    except ArchiveError as error:
        if not local:
            archive.unlink()  # so that the next call takes it anew
        raise AddressError(str(error)) from None
    except OSError as error:
        raise cannot_write(work, error) from error
    shutil.rmtree(work, ignore_errors=True)
    return fetched


def _work(out: Path) -> Path:
    """Where an archive is kept until it is unpacked: beside its folder, on the same disk."""
    return out.parent / f".{out.name}.fetch"


def _download(address: str, wanted: DataSet, work: Path, chosen: bool, progress: Progress) -> Path:
    """The archive of an address, whole; its SHA-256 is checked where it is known."""
    import pooch  # type: ignore[import-untyped]

    pooch.get_logger().setLevel("WARNING")  # its news is told here in our words
    known = None if chosen else wanted.sha256 or None
    name = f"{wanted.name}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    keeper = pooch.create(work, base_url="", registry={name: known}, urls={name: address})
    wanted_bytes = 0 if chosen else wanted.bytes
    rest = Rest(work / f"{name}.part", wanted_bytes, wanted.about_mb * MB, progress)
    try:
        return Path(keeper.fetch(name, downloader=rest))
    except ValueError as error:
        if known is None:
            raise  # pooch says by it that the SHA-256 differs, and nothing else
        found = str(error).rpartition(" but got ")[2].partition(".")[0]
        raise AddressError(f"the SHA-256 is {found}, wanted {known}") from None


def _digest(archive: Path, wanted: DataSet, progress: Progress) -> str:
    """SHA-256 of the archive, and a word on whether it is the one that is known."""
    import pooch

    progress.close()
    sha256 = str(pooch.file_hash(str(archive)))
    if sha256 == wanted.sha256:
        progress.log(f"verified: SHA-256 {sha256}")
    elif wanted.sha256:
        progress.log(f"not the authors' archive: SHA-256 {sha256}, theirs is {wanted.sha256}")
    else:
        progress.log(f"not verified: no SHA-256 of {wanted.name} is known; this one's is {sha256}")
    return sha256


def _unpacked(archive: Path, folder: Path, progress: Progress) -> dict[str, int]:
    """Unpack the archive into the folder; the number of pictures in each split."""
    tell = progress.update
    unpack(archive, folder, lambda n, size: tell("unpacking", n // MB, size // MB + 1, "MB"))
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir() and inside[0].name not in _SPLITS:
        # Everything lies in one more folder, which may hold a folder of its own name.
        only = inside[0].rename(folder.with_name(f"{folder.name}.only"))
        folder.rmdir()
        only.rename(folder)
    splits = [name for name in _SPLITS if (folder / name).is_dir()] or [""]
    pairs = {name: len(list_pictures(folder / name)) for name in splits}
    if not sum(pairs.values()):
        raise ArchiveError("it holds no pictures")
    return pairs
