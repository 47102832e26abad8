"""`pix2pix translate`: pictures, folders of them, or a clip."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pix2pix import hub
from pix2pix.cli.common import console_progress, loading, picture_suffix, report_failures, translation_choices
from pix2pix.cli.options import Device, Format, Half, Make, Mode, NoiseSeed, Precision, Scale, Strict
from pix2pix.errors import UserError, printable
from pix2pix.files import kind

if TYPE_CHECKING:
    from pix2pix.inference.items import Item, Options
    from pix2pix.inference.translator import Translator
    from pix2pix.progress import Progress

Inputs = Annotated[list[str], Argument(metavar="INPUT...", help="Files, folders or globs; or one clip.")]
Samples = Annotated[int, Option(min=1, help="Variants, with a map of their spread.")]
Batch = Annotated[int, Option(min=1, help="Pictures translated at a time.")]
Engine = Annotated[str, Option(help="auto, torch, openvino (on a processor, if installed).")]
Smooth = Annotated[
    float, Option(min=0, max=0.99, help="Of clips, against flicker: share kept from frame to frame.")
]
Streamed = Annotated[
    bool,
    Option("--stream", help="Layer by layer on disk, as pictures larger than the memory are by default."),
]


def translate(
    model: Annotated[Path, Argument(help="A model.safetensors, the folder of a run, or hub:OWNER/NAME.")],
    inputs: Inputs,
    out: Annotated[Path, Option("--out", "-o", help="Folder, or a file for a single input file.")],
    half: Half = "whole",
    suffix: Format = None,
    mode: Mode = None,
    seed: NoiseSeed = 0,
    samples: Samples = 1,
    batch: Batch = 8,
    make: Make = False,
    size: Scale = None,
    device: Device = "auto",
    engine: Engine = "auto",
    precision: Precision = "auto",
    stream: Streamed = False,
    smooth: Smooth = 0.9,
    strict: Strict = False,
) -> None:
    """Translate pictures of any size; outputs keep names, sub-folders and sizes.

    \b
    pix2pix translate runs/facades/model.safetensors labels/ -o houses
    pix2pix translate model.safetensors sketch.png -o photo.png --samples 4
    pix2pix translate hub:OWNER/NAME photographs/ -o out
    pix2pix translate model.safetensors clip.mp4 -o translated.mp4
    """
    with loading():
        from pix2pix.device import keep_freed_memory
        from pix2pix.inference.items import Options, first_note, plan
        from pix2pix.inference.translator import Translator
        from pix2pix.inference.video import is_clip

    side, known_mode, scaled = translation_choices(half, mode, size)
    options = Options(side, known_mode, seed, samples, batch, strict, make, scaled, stream)
    if make:
        _refuse_recipe(inputs)
    if clip := is_clip(inputs, out):
        _refuse_for_clips(suffix, engine, smooth)
    keep_freed_memory()
    hub_name = str(model).removeprefix(hub.PREFIX)
    load = Translator.load if hub_name == str(model) else Translator.from_pretrained
    translator, progress = load(hub_name, device, precision, engine), console_progress()
    if clip:
        _translate_clip(translator, inputs, out, options, smooth, progress)
        return
    jobs = plan(inputs, out, translator, picture_suffix(suffix), samples)
    if note := first_note(translator, jobs, side, scaled):
        print(f"note: {printable(note)}", file=sys.stderr)
    _translate_pictures(translator, jobs, out, options, progress)


def _translate_pictures(
    translator: Translator, jobs: Sequence[Item], out: Path, options: Options, progress: Progress
) -> None:
    from pix2pix.inference.folder import translate_items
    from pix2pix.inference.large import Report

    report = Report(progress)
    try:
        failures = translate_items(
            translator,
            jobs,
            options,
            lambda done, total: progress.update("translating", done, total, "pictures", translator.how),
            lambda sentence: progress.log(f"note: {sentence}"),
            report,
        )
    except KeyboardInterrupt:
        progress.log(f"stopped after {progress.done} of {len(jobs)} pictures; those are in {out}")
        raise
    finally:
        progress.close()
    print(f"{len(jobs) - len(failures)} of {len(jobs)} pictures translated to {out}")
    try:
        report_failures(report.damaged, "block", "left without data")
    finally:
        report_failures(failures, "file", "skipped")


def _translate_clip(
    translator: Translator,
    inputs: Sequence[str],
    out: Path,
    options: Options,
    smooth: float,
    progress: Progress,
) -> None:
    from pix2pix.inference.video import plan_clip, translate_clip

    source, written = plan_clip(inputs, out, translator, options)

    def report(done: int, total: int) -> None:
        progress.update("translating", done, total, "frames", translator.how)

    try:
        count, failures = translate_clip(translator, source, written, options, smooth, report)
    except KeyboardInterrupt:
        progress.log(f"stopped after {progress.done} frames; {written} is not written")
        raise
    finally:
        progress.close()
    print(f"{count:,} frames translated to {written}")
    report_failures(failures, "part", "left out")


def _refuse_for_clips(suffix: str | None, engine: str, smooth: float) -> None:
    if suffix is not None:
        raise UserError("--format is for pictures: a clip has the format of its name.", "Leave it out.")
    if engine == "openvino" and smooth:
        raise UserError(f"--engine {engine} takes the statistics of each frame alone.", "Add --smooth 0.")


def _refuse_recipe(inputs: Sequence[str]) -> None:
    """Refuse `--make lab`, which `train` takes: here lab would be an input."""
    from pix2pix.derive.recipe import parse

    for text in inputs:
        with suppress(UserError):
            if kind(Path(text)) == "nothing" and parse(text):
                break
    else:
        return
    raise UserError(
        f"There is no file or folder {text}, and --make takes no recipe here.",
        f"Leave out '{text}': the model knows how its sources are made.",
    )
