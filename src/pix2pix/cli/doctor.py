"""The command that finds out whether the package works here. Exit codes: 0 good, 1 a part of it does not."""

from __future__ import annotations

import typer

from pix2pix.cli.common import Device


def doctor(device: Device = "auto") -> None:
    """Print versions, devices, extras, disk, cache, and try to train, translate and export.

    The text is for bug reports: paste it whole. Files go to a temporary folder; nothing is sent.

    \b
    pix2pix doctor
    pix2pix doctor --device cpu
    """
    from pix2pix.doctor import facts, self_test

    failed = []
    for part in (facts(), self_test(device)):
        for fact in part:
            print(f"{fact.label:<18} {fact.value}", flush=True)  # a crash must not take along what is known
            failed += [] if fact.good else [fact.label]
    if failed:
        print(f"does not work here: {', '.join(failed)}")
        raise typer.Exit(1)
    print("training, translating and exporting work here")
