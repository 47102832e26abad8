"""`pix2pix data cache`: list, verify and clear the decoded pairs that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from pix2pix.cli.common import counting
from pix2pix.errors import UserError

if TYPE_CHECKING:
    from pix2pix.data.cache import CacheEntry


def cache(
    names: Annotated[
        list[str] | None,
        Argument(metavar="[ENTRY]...", help="Entries by name or its beginning.  [default: all]"),
    ] = None,
    clear: Annotated[bool, Option("--clear", help="Remove the entries that no process uses.")] = False,
    verify: Annotated[
        bool, Option("--verify", help="Compare every pair with its checksum; remove what is damaged.")
    ] = False,
) -> None:
    """List the decoded pairs that are kept for later runs, the latest used last, verify or clear them.

    \b
    pix2pix data cache
    pix2pix data cache --verify
    pix2pix data cache --clear
    pix2pix data cache 3f9c21 --clear
    """
    from datetime import datetime

    from pix2pix.data.cache import SIZE_LIMIT, entries, limit_bytes
    from pix2pix.files import cache_folder

    if clear and verify:
        raise UserError("--clear and --verify exclude each other.", "Leave one out.")
    listed = entries()
    for name in names or ():
        if not any(entry.name.startswith(name) for entry in listed):
            raise UserError(f"The cache has no entry {name}.", "See `pix2pix data cache`.")
    chosen = [entry for entry in listed if not names or entry.name.startswith(tuple(names))]
    states = _cleared(chosen) if clear else _verified(chosen) if verify else _described(chosen)
    good = True
    for entry, (state, as_wished) in zip(chosen, states, strict=True):
        used = datetime.fromtimestamp(entry.used)
        print(f"{entry.name[:8]}  {entry.bytes / 1e6:10,.1f} MB  {used:%Y-%m-%d %H:%M}  {state}")
        good = good and as_wished
    total, limit = sum(entry.bytes for entry in entries()) / 1e9, limit_bytes() / 1e9
    print(f"{cache_folder()}: {total:,.2f} GB; decoded pairs may be {limit:g} GB ({SIZE_LIMIT})")
    raise typer.Exit(0 if good else 1)


def _described(listed: Sequence[CacheEntry]) -> Iterator[tuple[str, bool]]:
    """Yield what each entry of the cache is."""
    for entry in listed:
        yield entry.describe() + ", in use" * entry.in_use, True


def _cleared(listed: Sequence[CacheEntry]) -> Iterator[tuple[str, bool]]:
    """Remove each entry, and yield whether that was possible."""
    for entry in listed:
        yield ("removed", True) if entry.remove() else ("kept, as a process uses it", False)


def _verified(listed: Sequence[CacheEntry]) -> Iterator[tuple[str, bool]]:
    """Compare each entry with its checksums, remove it where it differs, and yield what came out."""
    total, done = sum(entry.bytes for entry in listed), 0
    with counting("verifying", "bytes") as on_progress:

        def count(more: int) -> None:
            nonlocal done
            done += more
            on_progress(done, total)

        for entry in listed:
            damage, what = entry.damage(count), entry.describe()
            if damage:
                after = "removed" if entry.remove() else "in use: stop that process, then --clear"
                yield f"DAMAGED, {damage} ({after}): {what}", False
            else:
                yield f"{'no checksums' if damage is None else 'whole'}: {what}", True
