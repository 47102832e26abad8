"""Pictures that go alone, from file to file: those larger than the memory, and GeoTIFFs.

Maps of a stream's layers lie in a hidden folder next to the output, `.NAME.stream`, until it is written: the
same command again goes on there. See `stream` for the arithmetic.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix.device import free_memory
from pix2pix.errors import UserError
from pix2pix.files import bytes_in_words, exclusive, replacing, require_space, version
from pix2pix.inference.items import Item, Options
from pix2pix.inference.stream import Extent, Stream
from pix2pix.inference.strips import Strips, UnreadableError, unreadable
from pix2pix.inference.translator import Translator
from pix2pix.pictures import geo, geometry, masks, windows
from pix2pix.pictures.codec import Array
from pix2pix.pictures.formats.opening import most_bytes
from pix2pix.pictures.windows import Rows
from pix2pix.progress import Progress

_FORMAT = 1  # of the hidden folder
# Measured: a pass takes three times the float32 numbers that streaming has on disk.
_WHOLE = 3
_SHARE = 0.8  # of the free memory that a picture may take


@dataclass
class Report:
    """How streams report: progress and notes, and a sentence on each block that could not be read."""

    progress: Progress = field(default_factory=Progress)
    damaged: list[str] = field(default_factory=list)


def goes_alone(translator: Translator, rows: Rows, item: Item, options: Options) -> bool:
    """Return whether `translate_alone` is to translate a picture: streamed, or to keep its place on earth.

    Raises UserError where it would be streamed, and cannot.
    """
    if options.stream or (options.size is None and not fits(translator, rows.height, rows.width)):
        _check(translator, rows, item, options)
        return True
    return options.samples == 1 and options.size is None and keeps_place(rows, item)


def translate_alone(
    translator: Translator, items: Sequence[Item], options: Options, report: Report, *, strict: bool
) -> list[str]:
    """Translate and write pictures, one at a time; one that is streamed goes on where it was stopped.

    Returns one sentence for each that cannot be read; raises it with `strict`, here or in the options.
    Raises UserError where the disk is too small or refuses.
    """
    failures = []
    for item in items:
        try:
            with unreadable():
                rows = windows.open_rows(item.source)
            with closing(rows):
                _Picture(translator, rows, item, options, report).translate()
        except UnreadableError as error:
            if strict or options.strict:
                raise
            failures.append(str(error))
    return failures


class _Picture:
    """One picture on its way from file to file."""

    def __init__(
        self, translator: Translator, rows: Rows, item: Item, options: Options, report: Report
    ) -> None:
        self._translator, self._rows, self._item = translator, rows, item
        self._options, self._report = options, report
        key = item.key if options.make and translator.header.image.lab_photograph is None else None
        multiple = translator.generator.multiple_px
        self._strips = Strips(rows, translator.header, options.half, multiple, key)
        self._folder = item.output.parent / f".{item.output.name}.stream"
        depth, channels = translator.output
        self._shape, self._depth = (self._strips.height, self._strips.width, channels), depth

    def translate(self) -> None:
        """Translate and write the picture."""
        if self._options.stream or not fits(self._translator, self._rows.height, self._rows.width):
            self._stream()
        else:
            source = self._strips.source(0, self._strips.padded[0])
            how: Any = {"mode": self._options.mode, "seed": self._options.seed}
            (target,) = self._translator.translate_tensors([source], **how)
            picture = self._strips.picture(target, 0, reread=True)
            with replacing(self._item.output) as temporary:
                self._write(temporary, iter([picture]))
        self._report.damaged += self._rows.damaged.values()

    def _stream(self) -> None:
        output, options = self._item.output, self._options
        taken = f"Another process is translating {self._item.source} to {output}."
        how: Any = {"mode": options.mode, "seed": options.seed, "half": self._depth == "uint8"}
        with exclusive(self._folder / "lock", taken):
            run = self._translator.stream(self._strips.padded, self._folder, self._about(), **how)
            self._check_disk(run)
            written, count = self._folder / f"picture{output.suffix}", self._report.progress.done
            try:
                self._write(written, self._pictures(run))
            except UnreadableError:  # it could not go on
                shutil.rmtree(self._folder, ignore_errors=True)
                raise
            except KeyboardInterrupt:
                self._report.progress.log(f"{output} is not finished; the same command goes on from there")
                raise
            finally:
                self._report.progress.done = count  # of pictures, which the others go on counting
            with replacing(output) as temporary:
                os.replace(written, temporary)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _pictures(self, run: Stream) -> Iterator[Array]:
        """Yield the rows of the translation, and report how far it is."""
        task, layers = f"streaming {self._item.source.name}", len(run.plan)
        # What goes on does not read the source from the beginning.
        marker = self._folder / "damaged"

        def progress(share: float, layer: int) -> None:
            if self._rows.damaged:
                marker.touch()
            note = f"layer {layer} of {layers}"
            self._report.progress.update(task, int(share * 100), 100, "%", note)

        start = 0
        for strip in run.rows(self._strips.source, progress):
            if start < self._strips.height:
                reread = self._rows.nodata is not None or marker.exists()
                yield self._strips.picture(strip, start, reread=reread)
            start += strip.shape[1]

    def _write(self, path: Path, pictures: Iterator[Array]) -> None:
        target, strips = self._translator.header.image.target, self._strips
        if keeps_place(self._rows, self._item):
            place = geo.Place(self._item.source, strips.left, strips.nodata, labels=bool(target.classes))
            geo.write_rows(path, place, self._shape, self._depth, pictures)
        elif self._item.as_targets:
            masks.write(windows.collected(self._shape, self._depth, pictures), path, target)
        else:
            windows.write_rows(path, self._shape, self._depth, pictures, strips.nodata)

    def _check_disk(self, run: Stream) -> None:
        """Raise UserError where maps and output do not fit on the disk; say how much they take."""
        folder, output = self._folder, self._item.output.parent
        # A GeoTIFF is written twice, plain and with its overviews.
        needed = run.bytes_on_disk + 2 * math.prod(self._shape) * np.dtype(self._depth).itemsize
        there = sum(path.stat().st_size for path in folder.iterdir())
        size = f"{self._item.source} ({self._strips.width:,} x {self._strips.height:,} px)"
        require_space(output, needed - there, f"The layers and the translation of {size}")
        note = f"{size} is streamed layer by layer: up to {bytes_in_words(needed)} in {output}"
        self._report.progress.log(note)

    def _about(self) -> dict[str, Any]:
        """Return what the translation depends on: it goes on only where all is the same."""
        options = self._options
        return {
            "format": _FORMAT,
            "model": self._translator.digest(),
            "source": version(self._item.source),
            "half": options.half,
            "key": self._item.key if options.make else None,
            "mode": options.mode or self._translator.header.mode,
            "seed": options.seed,
        }


def keeps_place(rows: Rows, item: Item) -> bool:
    """Return whether a translation is written as a GeoTIFF."""
    return rows.is_geographic and item.output.suffix.lower() in (".tif", ".tiff") and geo.is_installed()


def fitting_batch(translator: Translator, sources: Sequence[Array], most: int) -> int:
    """Return how many pictures as large as the largest of the sources fit into the memory, 1 to `most`."""
    free = free_memory(translator.device)
    if free is None or not translator.generator.plan():
        return most
    sizes = [source.shape[:2] for source in sources]
    fitting = _SHARE * free / max(_whole_bytes(translator, *size) for size in sizes)
    within = most_bytes() / max(_tensor_bytes(translator, *size) for size in sizes)
    return max(1, min(most, int(fitting), int(within)))


def fits(translator: Translator, height: int, width: int) -> bool:
    """Return whether a picture of that size is translated whole, in the free memory and within the limit."""
    if not translator.generator.plan():
        return True
    free = free_memory(translator.device)
    fitting = free is None or _whole_bytes(translator, height, width) <= _SHARE * free
    return fitting and _tensor_bytes(translator, height, width) <= most_bytes()


def _tensor_bytes(translator: Translator, height: int, width: int) -> int:
    """Return how much memory source and translation take as float32, padded."""
    generator = translator.generator
    rows, columns = geometry.padded_size(height, width, generator.multiple_px)
    return 4 * rows * columns * (generator.source_channels + generator.target_channels)


def _whole_bytes(translator: Translator, height: int, width: int) -> int:
    """Return about how much memory a picture takes that is translated whole."""
    generator = translator.generator
    size = geometry.padded_size(height, width, generator.multiple_px)
    extent = Extent.of(generator.plan(), generator.source_channels, *size)
    return 4 * (_WHOLE * extent.largest_on_disk() + extent.elements(0) + extent.elements(-1))


def _check(translator: Translator, rows: Rows, item: Item, options: Options) -> None:
    """Raise UserError where a picture cannot be streamed."""
    name = f"{item.source} ({rows.width:,} x {rows.height:,} px)"
    if not translator.generator.plan():
        kind = translator.header.config.model.generator
        raise UserError(f"{name} cannot be streamed: the generator '{kind}' has no plan of its layers.")
    if options.size is not None:
        raise UserError(f"{name} cannot be streamed and scaled at once.", "Leave out --stream or --size.")
    if options.samples > 1:
        raise UserError(
            f"{name} is streamed, and then there is one variant at a time.",
            "Leave --samples out; --seed makes other variants.",
        )
    if rows.is_geographic and item.output.suffix.lower() in (".tif", ".tiff"):
        geo.check_installed(item.source)
