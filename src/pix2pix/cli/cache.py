"""The command `pix2pix data cache`: what is kept of data sets for later runs."""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument, Option

from pix2pix.errors import UserError


def cache(
    names: Annotated[
        list[str] | None,
        Argument(metavar="[ENTRY]...", help="Entries by name or its beginning.  [default: all]"),
    ] = None,
    clear: Annotated[bool, Option("--clear", help="Remove the entries that no process uses.")] = False,
) -> None:
    """List the decoded pairs that are kept for later runs, the latest used last, or clear them.

    \b
    pix2pix data cache
    pix2pix data cache --clear
    pix2pix data cache 3f9c21 --clear
    """
    from datetime import datetime

    from pix2pix.data.cache import SIZE_LIMIT, entries, limit_bytes
    from pix2pix.files import cache_folder

    listed = entries()
    for name in names or ():
        if not any(entry.name.startswith(name) for entry in listed):
            raise UserError(f"The cache has no entry {name}.", "See `pix2pix data cache`.")
    chosen = [entry for entry in listed if not names or entry.name.startswith(tuple(names))]
    kept = 0
    for entry in chosen:
        state = "removed" if clear else entry.describe()
        if not entry.remove() if clear else entry.in_use:
            kept += clear
            state = "kept, as a process uses it" if clear else f"{state}, in use"
        used = datetime.fromtimestamp(entry.used)
        print(f"{entry.name[:8]}  {entry.bytes / 1e6:10,.1f} MB  {used:%Y-%m-%d %H:%M}  {state}")
    total, limit = sum(entry.bytes for entry in entries()) / 1e9, limit_bytes() / 1e9
    print(f"{cache_folder()}: {total:,.2f} GB; decoded pairs may be {limit:g} GB ({SIZE_LIMIT})")
    raise typer.Exit(1 if kept else 0)
