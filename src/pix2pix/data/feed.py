"""How pairs reach the device: kept there whole, or cropped here and copied ahead.

Both feeds make the same batches, bit for bit, from the same random draws. A packet is what the host
sends for one step; `pictures` turns it into tensors on the device by the same few operations each
time, none of which asks the host, so that they can be captured in a CUDA graph.

B batch, C channels, H height, W width.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from torch import Tensor

from pix2pix.data.batches import Loader
from pix2pix.data.pixels import Pixels
from pix2pix.pictures.codec import Array
from pix2pix.pictures.tensors import from_levels, from_planes, to_levels

_SHARE = 0.4  # of the device's free memory that a set may take to be kept there
_AHEAD = 4  # packets made ahead, at most
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


class HostFeed:
    """Crops made on the processor from the store's files: memory stays flat in the set's size."""

    name = "streamed"

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def tensors(self, positions: range) -> tuple[Tensor, ...]:
        """Return the crops of what is stored, (B, C, H, W) levels: a quarter of the bytes of float32."""
        return tuple(to_levels(half) for half in self.loader.crops(positions))

    def pictures(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Return sources and targets on the device, (B, C, H, W) in [-1, 1] each."""
        return self.loader.store.reading.tensors(from_planes, tensors)


class DeviceFeed:
    """The whole set on the device as it is stored; a packet says only where crops lie."""

    name = "kept on the device"

    def __init__(self, loader: Loader, device: torch.device) -> None:
        self.loader = loader
        self._halves = [_pixels(half, device) for half in loader.store.halves]
        (_, *size, _), (height, width) = loader.store.sources.shape, loader.config.size
        self._places = np.arange(size[0] * size[1]).reshape(size)  # the pixels of a pair, numbered
        self._rows = torch.arange(height, device=device)[:, None]
        self._columns = torch.arange(width, device=device)

    def tensors(self, positions: range) -> tuple[Tensor, ...]:
        """Return (B, 3) int64: the crop's first pixel, and the steps to the next row and column."""
        plan = []
        for position in positions:
            index, drawn = self.loader.pick(position)
            places = drawn.place(self._places, self.loader.config.size)
            first, below, right = int(places[0, 0]), int(places[1, 0]), int(places[0, 1])
            plan.append((index * self._places.size + first, below - first, right - first))
        return (torch.tensor(plan, dtype=torch.int64),)

    def pictures(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Return sources and targets, gathered and brought to [-1, 1]."""
        first, down, right = tensors[0][:, :, None, None].unbind(1)
        pixels = first + down * self._rows + right * self._columns
        return self.loader.store.reading.tensors(from_levels, [half[pixels] for half in self._halves])


Feed = HostFeed | DeviceFeed


def _pixels(half: Pixels | Array, device: torch.device) -> Tensor:
    """Return one half of all pairs on the device, one row a pixel: (pairs x H x W, C).

    Copied a few pairs at a time: the file never lies in memory whole.
    """
    pixels = torch.empty(half.shape, dtype=to_levels(half[:1]).dtype, device=device)
    for start in range(0, len(half), _COPIED):
        pixels[start : start + _COPIED] = to_levels(half[start : start + _COPIED])
    return pixels.flatten(0, 2)


def find_feed(loader: Loader, device: torch.device) -> Feed:
    """Return the set kept on a GPU where it fits next to the networks, else streamed."""
    if device.type != "cuda" or loader.config.colour:
        return HostFeed(loader)  # colours are changed in the processor's arithmetic
    needed = sum(half.nbytes for half in loader.store.halves)
    free, _ = torch.cuda.mem_get_info(device)
    return DeviceFeed(loader, device) if needed <= _SHARE * free else HostFeed(loader)


@dataclass(frozen=True)
class PacketSource:
    """Packets of a feed for a device: which part of a batch's positions, and what keys of their noise."""

    feed: Feed
    device: torch.device
    share: Callable[[range], range]
    keys: Callable[[Tensor], Tensor]

    def packet(self, start: int) -> Packet:
        """Return this process's part of the batch that begins at an image."""
        positions = self.share(range(start, start + self.feed.loader.batch))
        keys = self.keys(torch.tensor(positions, dtype=torch.int64))
        return Packet(positions, keys, self.feed.tensors(positions))


def packets(source: PacketSource, position: int) -> Generator[Packet, None, None]:
    """Yield packets from an image on, without end, made and sent to the device by a thread ahead of use."""
    device = source.device
    # A stream for the thread, so that copies do not wait for the steps before them.
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
    starts = count(position, source.feed.loader.batch)

    def make(start: int) -> Packet:
        return sent(source.packet(start), device, stream)

    thread = ThreadPoolExecutor(1, "feed")
    try:
        ahead = deque(thread.submit(make, next(starts)) for _ in range(_AHEAD))
        while True:
            packet = ahead.popleft().result()
            ahead.append(thread.submit(make, next(starts)))
            yield _received(packet, device)
    finally:
        thread.shutdown(cancel_futures=True)


def sent(packet: Packet, device: torch.device, stream: torch.cuda.Stream | None = None) -> Packet:
    """Return the packet on the device; by a separate stream it is there when `copied` has passed."""
    tensors = (packet.keys, *packet.tensors)
    if stream is None:
        keys, *moved = (t.to(device) for t in tensors)
        return Packet(packet.positions, keys, tuple(moved))
    with torch.cuda.stream(stream):
        keys, *moved = (t.pin_memory().to(device, non_blocking=True) for t in tensors)
        return Packet(packet.positions, keys, tuple(moved), stream.record_event())


def _received(packet: Packet, device: torch.device) -> Packet:
    """Return the packet, once what follows on the device waits for its copy."""
    if packet.copied is not None:
        stream = torch.cuda.current_stream(device)
        stream.wait_event(packet.copied)
        for tensor in (packet.keys, *packet.tensors):
            tensor.record_stream(stream)  # not to be used again before the stream is done with it
    return packet
