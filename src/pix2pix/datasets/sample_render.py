"""The drawn half of the demo's pairs: a lit facade, computed from a label map and nothing else.

There is no list of objects and no hidden draw. Materials give colour and relief (see
`sample_materials`), then weather and light treat all of them alike, as rain and the sun do.
Only exact arithmetic (no sine, no power, no sum in an unknown order), so that every machine draws
the same bytes.

Axes: S the label map's side, N = 2 S the side that is drawn and then reduced.
Lengths are in units of 1/128 of the picture; `sharpness` is drawn pixels in a unit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pix2pix.datasets.sample_materials import LABEL, UNITS, Floats, Spot, paint

Labels = NDArray[np.uint8]

_SUPERSAMPLING = 2
_FALL = 1.5  # a ledge that stands out by 1 throws a shadow 1.5 long, and half as far to the right
_SUN = (0.98, 0.89, 0.73)
_SKYLIGHT = (0.25, 0.31, 0.41)
_GRIME = (0.75, 0.80, 0.95)  # the share of red, green and blue that dirt takes away


def render(labels: Labels) -> NDArray[np.uint8]:
    """The facade of a label map: (S, S) indexes into PALETTE -> (S, S, 3) uint8 picture."""
    side = len(labels)
    large = labels.repeat(_SUPERSAMPLING, 0).repeat(_SUPERSAMPLING, 1)
    sharpness = len(large) / UNITS
    albedo, relief = _painted(large, sharpness)
    light = _light(relief, sharpness) * _weathering(large, sharpness)
    light[large == LABEL["background"]] = 1
    # Averaged as light, before gamma, as a lens would.
    fine = (albedo * light).reshape(side, _SUPERSAMPLING, side, _SUPERSAMPLING, 3)
    mean = (fine[:, 0, :, 0] + fine[:, 0, :, 1] + fine[:, 1, :, 0] + fine[:, 1, :, 1]) / 4
    picture: NDArray[np.uint8] = (np.sqrt(np.clip(mean, 0, 1)) * 255 + 0.5).astype(np.uint8)
    return picture


def _painted(labels: Labels, sharpness: float) -> tuple[Floats, Floats]:
    """(N, N) indexes -> albedo (N, N, 3) in linear light, relief (N, N) in units."""
    side = len(labels)
    place = (np.arange(side, dtype=np.float32) + 0.5) / np.float32(sharpness)
    y, x = np.broadcast_to(place[:, None], labels.shape), np.broadcast_to(place, labels.shape)
    left, right, top, bottom = (
        distance / np.float32(sharpness) for distance in (*_run(labels), *(part.T for part in _run(labels.T)))
    )
    fields = (x, y, left, right, top, bottom, _highest_in_row(labels, top + bottom))
    washed = bool((labels == LABEL["shutter"]).any())
    albedo = np.empty((side * side, 3), np.float32)
    relief = np.empty(side * side, np.float32)
    for name, index in LABEL.items():
        pixels = np.flatnonzero(labels == index)
        if len(pixels):
            x0, y0, w, e, n, s, high = (f.reshape(-1)[pixels] for f in fields)
            spot = Spot(x0, y0, w, e, n, s, high, sharpness, washed)
            albedo[pixels], relief[pixels] = paint(name, spot)
    return albedo.reshape(side, side, 3), relief.reshape(side, side)


def _run(labels: Labels) -> tuple[Floats, Floats]:
    """(N, N) distances from a pixel's middle to where its row's run of one label starts and ends.

    In pixels.
    """
    count = labels.shape[1]
    place = np.arange(count, dtype=np.int32)
    change = np.ones((len(labels), count + 1), bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=change[:, 1:-1])
    start = np.maximum.accumulate(np.where(change[:, :-1], place, 0), axis=1)
    stop = np.where(change[:, 1:], place + 1, count)[:, ::-1]
    stop = np.minimum.accumulate(stop, axis=1)[:, ::-1]
    return (place + 0.5 - start).astype(np.float32), (stop - place - 0.5).astype(np.float32)


def _highest_in_row(labels: Labels, field: Floats) -> Floats:
    """(N, N) the field's maximum over each row's run of one label."""
    change = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=change[:, 1:])
    starts = np.flatnonzero(change)
    lengths = np.diff(starts, append=labels.size)
    return np.maximum.reduceat(field.reshape(-1), starts).repeat(lengths).reshape(labels.shape)


@lru_cache(maxsize=4)
def _texture(side: int) -> Floats:
    """(N, N) fixed blotches and grain in [-1, 1]: the same on every house, like dust on a lens."""
    total = np.zeros((side, side), np.float32)
    for cells, weight in ((8, 0.3), (32, 0.3), (128, 0.4)):
        lattice = np.random.default_rng(cells).integers(-64, 65, (cells + 1, cells + 1))
        place = (np.arange(side) + 0.5) * cells / side
        low = place.astype(int)
        part = place - low
        rows = lattice[low] + (lattice[low + 1] - lattice[low]) * part[:, None]
        total += weight / 64 * (rows[:, low] + (rows[:, low + 1] - rows[:, low]) * part)
    return total


def _weathering(labels: Labels, sharpness: float) -> Floats:
    """(N, N, 3) what is left of the light: streaks under ledges, damp at the ground, blotches."""
    side = len(labels)
    row = np.arange(side, dtype=np.float32)[:, None]
    ledge = np.isin(labels, [LABEL["window sill"], LABEL["cornice"], LABEL["balcony"]])
    last = np.maximum.accumulate(np.where(ledge, row, np.float32(-side)), axis=0)
    streak = np.clip(1 - (row - last) / np.float32(12 * sharpness), 0, 1)
    texture = _texture(side)
    drips = np.clip(0.6 + 1.2 * texture[side // 2], 0, 1)  # one row: each column has its own drip
    streak *= streak * (0.7 * drips) * (labels == LABEL["wall"])
    damp = np.clip((row / np.float32(sharpness) - 80) / 48, 0, 1)
    dirt = np.maximum(streak, 0.45 * damp * damp)
    blotches = 1 + 0.1 * texture
    return np.stack([blotches * (1 - dirt * np.float32(share)) for share in _GRIME], axis=2)


def _light(relief: Floats, sharpness: float) -> Floats:
    """(N, N, 3) light on each pixel: the sun from the upper left, and the sky from everywhere."""
    step = max(1, round(sharpness / 2))
    toward_sun = np.zeros_like(relief)
    toward_sun[step:, step:] = relief[step:, step:] - relief[:-step, :-step]
    facing = np.clip(1 + 0.35 * toward_sun, 0.35, 1.5)
    hollow = np.clip((_surroundings(relief, sharpness) - relief) * 0.16, 0, 0.55)
    sun, sky = facing * (1 - _shadow(relief, sharpness)), facing * (1 - hollow)
    return np.stack(
        [sun * np.float32(s) + sky * np.float32(k) for s, k in zip(_SUN, _SKYLIGHT, strict=True)], axis=2
    )


def _shadow(relief: Floats, sharpness: float) -> Floats:
    """(N, N) from 0, lit, to 1, shaded: walk toward the sun and see what stands in its way."""
    side = len(relief)
    stride = max(1, round(sharpness / 2))
    reach = round(float(relief.max() - relief.min()) * _FALL * sharpness)
    highest = np.full_like(relief, -9)
    for down in range(stride, min(reach + stride, side), stride):
        right = down // 2
        blocker = relief[: side - down, : side - right] - np.float32(down / sharpness / _FALL)
        seen = highest[down:, right:]
        np.maximum(seen, blocker, out=seen)
    return np.clip((highest - relief) / np.float32(0.8), 0, 1)  # a soft edge: the sun is no point


def _surroundings(relief: Floats, sharpness: float) -> Floats:
    """(N, N) mean relief within 2.5 units around; at half the resolution, as it is smooth."""
    radius = max(1, round(1.25 * sharpness))
    window = 2 * radius + 1
    field = relief[::2, ::2]
    for _ in range(2):
        padded = np.pad(field, ((0, 0), (radius + 1, radius)), mode="edge")
        total = np.cumsum(padded, axis=1, dtype=np.float64)
        field = np.ascontiguousarray((total[:, window:] - total[:, :-window]).T / window)
    return field.astype(np.float32).repeat(2, 0).repeat(2, 1)
