"""How pairs reach the device: kept there whole, or cropped here and copied ahead.

Both feeds make the same batches, bit for bit, from the same random draws. A packet is what the host
sends for one step; `pictures` turns it into tensors on the device by the same few operations each
time, none of which asks the host, so that they can be captured in a CUDA graph.

B batch, C channels, H height, W width.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import torch
from torch import Tensor

from pix2pix.data.batches import Loader
from pix2pix.pictures.codec import Array
from pix2pix.pictures.tensors import from_levels, from_planes, to_levels

_SHARE = 0.4  # of the device's free memory that a set may take to be kept there
_AHEAD = 4  # packets made ahead, at most
_LAST_WORK = 5.0  # seconds that a thread is waited for
_COPIED = 256  # pairs copied to the device at a time


@dataclass(frozen=True)
class Packet:
    """What one process is sent for one step: the images at `positions`.

    `keys` is (B,) int64, of their noise; `tensors` are what the feed makes pictures of.
    """

    positions: range
    keys: Tensor
    tensors: tuple[Tensor, ...]
    copied: torch.cuda.Event | None = None  # when a GPU has them


class Feed(Protocol):
    """Packets for ever, and what the device makes of them."""

    loader: Loader
    name: str

    def tensors(self, positions: range) -> tuple[Tensor, ...]:
        """What the device needs for the images at these positions, still on the processor."""

    def pictures(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Their sources and targets on the device, (B, C, H, W) in [-1, 1] each."""


class HostFeed:
    """Crops made on the processor from the mapped store: memory stays flat in the set's size."""

    name = "streamed"

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def tensors(self, positions: range) -> tuple[Tensor, ...]:
        """The crops of both halves, (B, C, H, W) levels: a quarter of the bytes of float32."""
        halves = self.loader.crops(positions)
        return tuple(to_levels(half) for half in halves)

    def pictures(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Levels to [-1, 1]."""
        source, target = tensors
        reading = self.loader.store.reading
        return (from_planes(source, reading.source), from_planes(target, reading.target))


class DeviceFeed:
    """The whole set on the device as it is stored; a packet says only where crops lie."""

    name = "kept on the device"

    def __init__(self, loader: Loader, device: torch.device) -> None:
        self.loader = loader
        self._sources = _pixels(loader.store.sources, device)
        self._targets = _pixels(loader.store.targets, device)
        height, width = loader.config.size
        self._rows = torch.arange(height, device=device)[:, None]
        self._columns = torch.arange(width, device=device)

    def tensors(self, positions: range) -> tuple[Tensor, ...]:
        """(B, 3) int64: the crop's first pixel, and the steps to the next row and column."""
        _, height, width, _ = self.loader.store.sources.shape
        plan = []
        for position in positions:
            index, drawn = self.loader.pick(position)
            row, column = drawn.steps(self.loader.config.size)
            first = (index * height + row[0]) * width + column[0]
            plan.append((first, row[1] * width + column[1], row[2] * width + column[2]))
        return (torch.tensor(plan, dtype=torch.int64),)

    def pictures(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """The crops, gathered and brought to [-1, 1]."""
        first, down, right = tensors[0][:, :, None, None].unbind(1)
        pixels = first + down * self._rows + right * self._columns
        reading = self.loader.store.reading
        return (
            from_levels(self._sources[pixels], reading.source),
            from_levels(self._targets[pixels], reading.target),
        )


def _pixels(half: Array, device: torch.device) -> Tensor:
    """One half of all pairs on the device, one row a pixel: (pairs x H x W, C).

    Copied some pairs at a time: the mapped file never lies in memory whole.
    """
    count, height, width, channels = half.shape
    kind = to_levels(half[:1]).dtype
    pixels = torch.empty((count * height * width, channels), dtype=kind, device=device)
    for start in range(0, count, _COPIED):
        some = to_levels(half[start : start + _COPIED]).flatten(0, 2)
        first = start * height * width
        pixels[first : first + len(some)] = some.to(device)
    return pixels


def find_feed(loader: Loader, device: torch.device) -> Feed:
    """The set kept on a GPU where it fits beside the networks, else streamed."""
    if device.type != "cuda" or loader.config.colour:
        return HostFeed(loader)  # colours are changed in the processor's arithmetic
    needed = loader.store.sources.nbytes + loader.store.targets.nbytes
    free, _ = torch.cuda.mem_get_info(device)
    return DeviceFeed(loader, device) if needed <= _SHARE * free else HostFeed(loader)


@dataclass(frozen=True)
class Line:
    """From a feed to a device: which part of a batch's positions, and what keys of their noise."""

    feed: Feed
    device: torch.device
    share: Callable[[range], range]
    keys: Callable[[Tensor], Tensor]

    def packet(self, start: int) -> Packet:
        """This process's part of the batch that begins at an image."""
        positions = self.share(range(start, start + self.feed.loader.batch))
        keys = self.keys(torch.tensor(positions, dtype=torch.int64))
        return Packet(positions, keys, self.feed.tensors(positions))


def packets(line: Line, position: int) -> Generator[Packet, None, None]:
    """Packets from an image on, for ever, made and sent to the device by a thread ahead of use."""
    batch, device = line.feed.loader.batch, line.device
    ready = queue.Queue[Packet | BaseException](_AHEAD)
    closed = threading.Event()

    def put(item: Packet | BaseException) -> None:
        while not closed.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            stream = _side_stream(device)
            for start in count(position, batch):
                if closed.is_set():
                    return
                put(sent(line.packet(start), device, stream))
        except BaseException as error:  # raised where the packet is wanted
            put(error)

    thread = threading.Thread(target=make, name="feed", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield _received(item, device)
    finally:
        closed.set()
        thread.join(_LAST_WORK)  # it may be in the middle of a packet


def _side_stream(device: torch.device) -> torch.cuda.Stream | None:
    """A stream of the thread's own, so that copies do not wait for the steps before them."""
    if device.type != "cuda":
        return None
    torch.cuda.set_device(device)  # a thread begins on the first GPU
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def sent(packet: Packet, device: torch.device, stream: torch.cuda.Stream | None = None) -> Packet:
    """The packet on the device; by a stream of its own it is there when `copied` has passed."""
    tensors = (packet.keys, *packet.tensors)
    if stream is None:
        keys, *moved = (t.to(device) for t in tensors)
        return Packet(packet.positions, keys, tuple(moved))
    with torch.cuda.stream(stream):
        keys, *moved = (t.pin_memory().to(device, non_blocking=True) for t in tensors)
        return Packet(packet.positions, keys, tuple(moved), stream.record_event())


def _received(packet: Packet, device: torch.device) -> Packet:
    """The packet, once what follows on the device waits for its copy."""
    if packet.copied is not None:
        stream = torch.cuda.current_stream(device)
        stream.wait_event(packet.copied)
        for tensor in (packet.keys, *packet.tensors):
            tensor.record_stream(stream)  # not to be used again before the stream is done with it
    return packet
