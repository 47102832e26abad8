"""Pictures larger than the memory, exactly: the generator layer by layer, each over strips of rows.

A U-Net normalises by the whole picture and its innermost layers see all of it, so that tiles cannot
be right. Here each layer reads the rows that it needs of earlier maps from disk and writes its own;
sums for the norm are taken while it writes and applied by those who read. A file is deleted after its
last reader. The numbers are those of the whole picture, the memory is that of a strip.

Layers that are finished are recorded: a stream that was stopped goes on with the layer it was at.

C channels, H height, W width.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.device import Precision, computing, on_device, set_precision
from pix2pix.files import replacing
from pix2pix.inference.maps import MapFile, Moments
from pix2pix.networks import Generator
from pix2pix.networks.layers import Norm
from pix2pix.networks.modes import set_mode, share_weights
from pix2pix.networks.noise import noisy_dropout
from pix2pix.networks.plan import Layer
from pix2pix.parsing import parse_json

Shape = tuple[int, int, int]
# The rows from start to stop of the padded source, (C, rows, W) in [-1, 1].
Source = Callable[[int, int], Tensor]
# Called with the share of the work that is done and the layer that is under way.
OnProgress = Callable[[float, int], None]

STRIP_BYTES = 2**25  # of what a strip reads and writes, in float32; ten times as much is in use
_LARGEST_HALF = 6e4
_STATE = "state.json"
Statistics = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Extent:
    """How large the maps of a plan are, for a source of (height, width) pixels.

    `shapes` are (C, H, W), of the source first. `last_reader[n]` is the layer after which map n
    is deleted.
    """

    shapes: list[Shape]
    last_reader: dict[int, int]

    @classmethod
    def of(cls, plan: Sequence[Layer], channels: int, height: int, width: int) -> Extent:
        """Return the extent of a plan."""
        shapes, last_reader = [(channels, height, width)], dict[int, int]()
        for number, layer in enumerate(plan, 1):
            shapes.append(layer.shape(shapes[layer.reads[0].map]))
            last_reader |= {r.map: number for r in layer.reads}
        return cls(shapes, last_reader)

    def elements(self, number: int) -> int:
        """Return the numbers in a map."""
        channels, height, width = self.shapes[number]
        return channels * height * width

    def largest_on_disk(self) -> int:
        """Return the most numbers that are on disk at once: the source and the last map never are."""
        maps = range(1, len(self.shapes) - 1)
        return max(
            (
                sum(self.elements(n) for n in maps if n <= layer and self.last_reader[n] >= layer)
                for layer in range(1, len(self.shapes))
            ),
            default=0,
        )


@dataclass(frozen=True)
class Where:
    """Where a stream keeps its maps, and where it computes.

    `folder` holds the maps and the record of finished layers; `about` says what is translated: a
    record about anything else is thrown away. `half` keeps maps in float16.
    """

    folder: Path
    about: Any
    half: bool
    device: torch.device
    precision: Precision


class Stream:
    """A generator over one source of (height, width) pixels that is read by rows."""

    def __init__(
        self, generator: Generator, size: tuple[int, int], mode: Mode, keys: Tensor | None, where: Where
    ) -> None:
        self._generator = share_weights(generator)
        set_mode(self._generator, mode)
        self.plan = self._generator.plan()
        self.extent = Extent.of(self.plan, generator.source_channels, *size)
        self._keys, self._where = keys, where
        self._record = _Record(where.folder, [where.about, where.half, mode, *size])
        self._maps: dict[int, MapFile] = {}
        self.bytes_on_disk = self.extent.largest_on_disk() * (2 if where.half else 4)

    def rows(self, source: Source, progress: OnProgress = lambda share, layer: None) -> Iterator[Tensor]:
        """Yield the translation, strips of (C, rows, W) in [-1, 1] from the top down.

        Raises UserError where the disk refuses; what was finished is kept.
        """
        work = [0, *(self._work(n) for n in range(1, len(self.plan) + 1))]
        total, last = sum(work), len(self.plan)
        try:
            for number in range(1, last + 1):

                def report(share: float, number: int = number) -> None:
                    progress((sum(work[:number]) + share * work[number]) / total, number)

                if number == last:
                    yield from self._strips(number, source, report)
                elif not self._record.has(number):
                    self._write_layer(number, source, report)
                self._drop_read_maps(number)
        finally:
            for file in self._maps.values():
                file.close()

    def _write_layer(self, number: int, source: Source, report: Callable[[float], None]) -> None:
        """Write a layer's map; in float32 where a number is too large for float16."""
        norm = self.plan[number - 1].norm
        counts = isinstance(norm, Norm) and norm.statistics != "running"
        for dtype in (torch.float16, torch.float32) if self._where.half else (torch.float32,):
            file = self._map(number, dtype)
            moments, fits, start = Moments(file.shape[0]), True, 0
            with ThreadPoolExecutor(1) as writer:
                written: Future[None] | None = None
                for strip in self._strips(number, source, report):
                    if dtype == torch.float16 and not max(map(abs, strip.aminmax())) <= _LARGEST_HALF:
                        fits = False
                        break
                    if counts:
                        moments.add(strip[None])
                    rows = strip.permute(1, 0, 2).to("cpu", dtype).contiguous()
                    if written:
                        written.result()
                    written = writer.submit(file.write, start, rows)
                    start += len(rows)
                if written:
                    written.result()
            if fits:
                file.finish()
                self._record.add(number, dtype, moments.statistics() if counts else None)
                return
            file.delete()

    def _strips(self, number: int, source: Source, report: Callable[[float], None]) -> Iterator[Tensor]:
        """Yield a layer's rows, (C, rows, W) float32, the last layer's activated; the next are read ahead."""
        height, strip = self.extent.shapes[number][1], self._strip_rows(number)
        spans = [(start, min(start + strip, height)) for start in range(0, height, strip)]
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._read, number, source, *spans[0])
            for i, (start, stop) in enumerate(spans):
                parts = coming.result()
                if i + 1 < len(spans):
                    coming = reader.submit(self._read, number, source, *spans[i + 1])
                yield self._compute(number, parts, start, stop)
                report((i + 1) / len(spans))

    def _read(self, number: int, source: Source, start: int, stop: int) -> list[Tensor]:
        """Return what the rows from `start` to `stop` need of each map, (rows, C, W) as it is stored."""
        layer, parts = self.plan[number - 1], []
        for read in layer.reads:
            first, last = layer.rows_read(start, stop, self.extent.shapes[read.map][1])
            stored = read.map and self._map(read.map, self._record.dtype(read.map)).read(first, last)
            parts.append(stored if isinstance(stored, Tensor) else source(first, last).permute(1, 0, 2))
        return parts

    @torch.inference_mode()
    def _compute(self, number: int, parts: list[Tensor], start: int, stop: int) -> Tensor:
        layer = self.plan[number - 1]
        height = self.extent.shapes[layer.reads[0].map][1]
        first, _ = layer.rows_read(start, stop, height)
        set_precision(self._where.precision)
        with on_device(self._where.device), computing(self._where.device, self._where.precision):
            inputs = []
            for read, part in zip(layer.reads, parts, strict=True):
                x = part.to(self._where.device).permute(1, 0, 2)[None].float().contiguous()
                x = self._finished(x, read.map, first)
                inputs.append(read.activation(x) if read.activation else x)
            x = torch.cat(inputs, 1) if layer.conv is not None and len(inputs) > 1 else inputs[0]
            if layer.conv is None:
                for other in inputs[1:]:
                    x = x + other
            y = layer.rows(x, first, height, start, stop)
            return (self._generator.activate(y) if number == len(self.plan) else y.float())[0]

    def _finished(self, x: Tensor, number: int, first: int) -> Tensor:
        """Return rows of a map as its layer gives them: normalised, and dropped where there is noise."""
        if number == 0:
            return x
        layer = self.plan[number - 1]
        if isinstance(layer.norm, Norm):
            mean, variance = self._record.statistics(number) or (
                layer.norm.running_mean,
                layer.norm.running_var,
            )
            assert mean is not None
            assert variance is not None
            x = layer.norm.by(x, mean.to(x), variance.to(x))
        if layer.noise is not None and self._keys is not None:
            x = noisy_dropout(x, self._keys, layer.noise.layer, layer.noise.drop, first)
        return x

    def _strip_rows(self, number: int) -> int:
        """Return how many rows of a layer are computed at a time."""
        layer, (channels, height, width) = self.plan[number - 1], self.extent.shapes[number]
        total = channels * height * width
        for read in layer.reads:
            noisy = read.map and self.plan[read.map - 1].noise is not None and self._keys is not None
            total += self.extent.elements(read.map) * (8 if noisy else 1)  # masks are hashed in int64
        return max(2, STRIP_BYTES * height // (4 * total))

    def _map(self, number: int, dtype: torch.dtype) -> MapFile:
        file = self._maps.get(number)
        if file is None or file.dtype != dtype:
            path = self._where.folder / f"map-{number}.bin"
            file = self._maps[number] = MapFile(path, self.extent.shapes[number], dtype)
        return file

    def _drop_read_maps(self, number: int) -> None:
        for read, last in self.extent.last_reader.items():
            if read and last == number:
                self._map(read, self._record.dtype(read)).delete()

    def _work(self, number: int) -> float:
        """Return about how long a layer takes: its multiplications, and the bytes that it moves."""
        layer, conv = self.plan[number - 1], self.plan[number - 1].conv
        moved = self.extent.elements(number) + sum(self.extent.elements(r.map) for r in layer.reads)
        if conv is None:
            return moved * 100
        weights: Any = conv.weight
        inner = not getattr(conv, "transposed", False)
        pixels = self.extent.elements(number if inner else layer.reads[0].map)
        channels = self.extent.shapes[number if inner else layer.reads[0].map][0]
        return float(weights.numel() * pixels / channels + moved * 100)


class _Record:
    """Which layers are finished: how their maps are stored, and the statistics of their norms."""

    def __init__(self, folder: Path, about: Any) -> None:
        self._path, self._about = folder / _STATE, about
        self._layers: dict[str, Any] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):
            state = parse_json(self._path.read_text("utf-8"))
            if state["about"] == json.loads(json.dumps(about)):
                self._layers = state["layers"]

    def has(self, number: int) -> bool:
        return str(number) in self._layers

    def dtype(self, number: int) -> torch.dtype:
        stored: torch.dtype = getattr(torch, self._layers[str(number)]["dtype"])
        return stored

    def statistics(self, number: int) -> Statistics | None:
        """Return mean and variance of each channel, where they are those of the picture."""
        kept = self._layers[str(number)]["statistics"]
        if kept is None:
            return None
        mean, variance = torch.tensor(kept, dtype=torch.float64)
        return mean, variance

    def add(self, number: int, dtype: torch.dtype, statistics: Statistics | None) -> None:
        kept = None if statistics is None else [values.tolist() for values in statistics]
        self._layers[str(number)] = {"dtype": str(dtype).removeprefix("torch."), "statistics": kept}
        with replacing(self._path) as temporary:
            temporary.write_text(json.dumps({"about": self._about, "layers": self._layers}))
