"""Fetch the paper's data sets: downloaded in as many goes as it takes, checked, safely unpacked.

    fetch(data_sets()["facades"], Path("facades"))

The addresses of `sets.toml` are tried one after the other. What has come is kept next to the folder
in `.NAME.fetch/` and continued by the same call. The archive is a stranger's: it may hold plain
files and folders, none outside and none huge. The folder takes its name when it is whole.
"""

import hashlib
import importlib.resources
import json
import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pix2pix.data.archives import ArchiveError, is_free, new_folder, unpack
from pix2pix.datasets.download import MB, AddressError, download
from pix2pix.errors import UserError
from pix2pix.files import cache_folder, cannot_write, file_digest, list_pictures, replacing
from pix2pix.pairs.layouts import SPLITS
from pix2pix.parsing import parse_json
from pix2pix.progress import Progress

RECORD = "fetched.json"  # in the folder: where its pictures come from


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
    """What a folder holds; `pairs` counts those of each split ("" without splits)."""

    name: str
    origin: str
    sha256: str
    verified: bool
    pairs: Mapping[str, int]


def data_sets() -> dict[str, DataSet]:
    """Return the table of data sets by name."""
    table = tomllib.loads(importlib.resources.files(__package__).joinpath("sets.toml").read_text("utf-8"))
    return {
        name: DataSet(name, addresses=[f"{mirror}/{name}.tar.gz" for mirror in table["mirrors"]], **row)
        for name, row in table["sets"].items()
    }


def fetch(
    data_set: DataSet,
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
    if earlier := _read_record(data_set, out):
        progress.log(f"{out} is there already: {data_set.name} from {earlier.origin}.")
        return earlier
    if data_set.agree and not (accepted or origin):
        raise UserError(data_set.licence, "Then add --accept-licence, or your own copy by --from.")
    progress.log(f"{data_set.name}: {data_set.about}. {data_set.licence}")
    reasons = []
    for address in [origin] if origin else data_set.addresses:
        try:
            return _fetch_from(address, data_set, out, bool(origin), progress)
        except AddressError as failure:
            reasons.append(f"{address}: {failure}")
            progress.log(reasons[-1])
        finally:
            progress.close()
    with suppress(OSError):
        _work_folder(out).rmdir()  # if it is empty
    raise UserError(
        f"{data_set.name} could not be fetched. {'; '.join(reasons)}.",
        "The same command goes on where it stopped; --from takes another address or a file.",
    )


def _read_record(data_set: DataSet, out: Path) -> Fetched | None:
    """Return what an earlier call left in the folder; None where a folder can be made."""
    if is_free(out):
        return None
    try:
        record = Fetched(**parse_json((out / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        record = None
    if record is None or record.name != data_set.name:
        content = f"holds {record.name}" if record else "was not made by this command"
        raise UserError(f"{out} exists and {content}.", "Choose another --out, or move it away.")
    return record


def _fetch_from(address: str, data_set: DataSet, out: Path, chosen: bool, progress: Progress) -> Fetched:
    """Fetch and unpack what one address gives. `chosen`: by the user, who knows what it is."""
    work, local = _work_folder(out), Path(address).is_file()
    if not local and not address.startswith(("http://", "https://")):
        raise UserError(f"{address} is neither a file nor an address: wanted https://... .")
    # The name keeps what came from different addresses apart.
    name = f"{data_set.name}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    archive = Path(address) if local else work / name
    try:
        if not archive.exists():
            work.mkdir(parents=True, exist_ok=True)
            download(address, archive, 0 if chosen else data_set.bytes, data_set.about_mb * MB, progress)
        progress.close()
        known = data_set.sha256 or _first_digest(data_set)
        sha256 = _verify(archive, data_set, known, chosen, progress)
        with new_folder(out) as folder:
            pairs = _unpack(archive, folder, progress)
            fetched = Fetched(data_set.name, address, sha256, sha256 == known, pairs)
            (folder / RECORD).write_text(json.dumps(asdict(fetched), indent=1), "utf-8")
    except ArchiveError as error:
        if not local:
            archive.unlink()  # so that the next call takes it anew
        raise AddressError(str(error)) from None
    except OSError as error:
        raise cannot_write(work, error) from error
    shutil.rmtree(work, ignore_errors=True)
    if not known and not chosen:
        _remember(data_set, sha256, progress)
    return fetched


def _work_folder(out: Path) -> Path:
    """Return where an archive is kept until it is unpacked: next to its folder, on the same disk."""
    return out.parent / f".{out.name}.fetch"


def _digest_file(data_set: DataSet) -> Path:
    """Return where the SHA-256 of the archive that was fetched first is kept, for all folders of the user."""
    return cache_folder() / "fetched" / f"{data_set.name}.sha256"


def _first_digest(data_set: DataSet) -> str:
    """Return the SHA-256 of the archive that was fetched first; "" where none was."""
    try:
        text = _digest_file(data_set).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if re.fullmatch("[0-9a-f]{64}", text) else ""


def _remember(data_set: DataSet, sha256: str, progress: Progress) -> None:
    """Keep the SHA-256 of the archive that was fetched first; the data set is good without."""
    try:
        with replacing(_digest_file(data_set)) as temporary:
            temporary.write_text(f"{sha256}\n", "utf-8")
    except UserError as error:
        progress.log(f"note: {error}")


def _verify(archive: Path, data_set: DataSet, known: str, chosen: bool, progress: Progress) -> str:
    """Return the SHA-256 of the archive, and report whether it is the known one.

    Raises ArchiveError where it is another one, unless the user has chosen the archive.
    """
    sha256 = file_digest(archive)
    if known not in ("", sha256) and not chosen:
        first = f", as when first fetched (delete {_digest_file(data_set)} if the authors have changed it)"
        raise ArchiveError(f"the SHA-256 is {sha256}, wanted {known}{first * (not data_set.sha256)}")
    if not known:
        later = "" if chosen else ", kept to compare later ones with"
        progress.log(f"not verified: no SHA-256 of {data_set.name} is known; this one's is {sha256}{later}")
    elif sha256 == known:
        progress.log(f"verified{' against the first fetched' * (not data_set.sha256)}: SHA-256 {sha256}")
    else:
        whose = "theirs is" if data_set.sha256 else "the one first fetched had"
        progress.log(f"not the authors' archive: SHA-256 {sha256}, {whose} {known}")
    return sha256


def _unpack(archive: Path, folder: Path, progress: Progress) -> dict[str, int]:
    """Unpack the archive into the folder; return the number of pictures in each split."""
    unpack(archive, folder, lambda n, size: progress.update("unpacking", n // MB, size // MB + 1, "MB"))
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir() and inside[0].name not in SPLITS:
        # Everything lies in one more folder, which may hold a folder of its own name.
        only = inside[0].rename(folder.with_name(f"{folder.name}.only"))
        folder.rmdir()
        only.rename(folder)
    splits = [name for name in SPLITS if (folder / name).is_dir()] or [""]
    pairs = {name: len(list_pictures(folder / name)) for name in splits}
    if not sum(pairs.values()):
        raise ArchiveError("it holds no pictures")
    return pairs
