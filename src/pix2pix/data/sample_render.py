"""The drawn half of the demo's pairs: a lit facade, computed from a label map and nothing else.

There is no list of objects and no hidden draw: each pixel knows its label, where it lies in the
picture, and how far it is from the edges of its own patch of label. That explains every stroke, so
a network that sees the label map can learn all of it.

A label's painter gives colour and relief; `_light` then treats everything alike, as the sun does.
Only exact arithmetic (no sine, no power, no float sums in an unknown order), so that every machine
draws the same bytes.

Axes: S the label map's side, N = 2 S the side drawn before reduction, n the pixels of one label.
Lengths are in units of 1/128 of the picture: a mortar joint is 1 wide, a course of bricks 4 high.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Painted = tuple[Floats, Floats]

PALETTE: dict[str, tuple[int, int, int]] = {
    "background": (0x00, 0x06, 0xD9),
    "wall": (0x0D, 0x3D, 0xFB),
    "door": (0xA5, 0x00, 0x00),
    "window": (0x00, 0x75, 0xFF),
    "window sill": (0x68, 0xF8, 0x98),
    "window head": (0x1D, 0xFF, 0xDD),
    "shutter": (0xEE, 0xED, 0x28),
    "balcony": (0xB8, 0xFF, 0x38),
    "trim": (0xFF, 0x92, 0x04),
    "cornice": (0xFF, 0x44, 0x01),
    "column": (0xF6, 0x00, 0x01),
    "entrance": (0x00, 0xC9, 0xFF),
}
LABEL = {name: index for index, name in enumerate(PALETTE)}

# How far each label stands out of the wall; below 0 it is set back and the reveal shades it.
RELIEF = {
    "background": 0.0,
    "wall": 0.0,
    "door": -2.2,
    "window": -1.8,
    "window sill": 2.0,
    "window head": 0.8,
    "shutter": 0.7,
    "balcony": 2.6,
    "trim": 0.8,
    "cornice": 4.6,
    "column": 0.8,
    "entrance": -2.2,
}

_SUPERSAMPLING = 2
_UNITS = 128
_COURSE, _BRICK = 4, 8
_FALL = 1.5  # a ledge that stands out by 1 throws a shadow 1.5 long, and half as far to the right
_SUN = np.array([0.98, 0.89, 0.73], np.float32)
_SKYLIGHT = np.array([0.25, 0.31, 0.41], np.float32)


def _rgb(code: int) -> Floats:
    """0xRRGGBB as (3,) linear light in [0, 1]; gamma 2, because its root is exact everywhere."""
    channels = np.array([code >> 16, code >> 8 & 0xFF, code & 0xFF], np.float32) / 255
    return channels * channels


@dataclass(frozen=True)
class _Spot:
    """The pixels of one label. All (n,): place in the picture, distances to the patch's edges."""

    x: Floats
    y: Floats
    left: Floats
    right: Floats
    top: Floats
    bottom: Floats
    tallest: Floats  # height of the patch where it is highest: an arch's crown
    sharpness: float  # drawn pixels in a unit
    rendered: bool  # houses with shutters are washed in ochre, the others are bare brick

    @property
    def edge(self) -> Floats:
        return np.minimum(np.minimum(self.left, self.right), np.minimum(self.top, self.bottom))

    def stroke(self, distance: Floats, width: float) -> Floats:
        """How much of each pixel a line covers, 0 to 1, given the distance to its middle."""
        return np.clip((width / 2 - distance) * self.sharpness + 0.5, 0, 1)

    def below(self, distance: Floats, limit: float) -> Floats:
        """How much of each pixel has `distance` under `limit`, 0 to 1."""
        return np.clip((limit - distance) * self.sharpness + 0.5, 0, 1)


def _fraction(values: Floats) -> Floats:
    return values - np.floor(values)


def _joint(position: Floats, period: float) -> Floats:
    """Distance to the middle of the nearest joint; joints are 1 wide and start each period."""
    return np.abs(_fraction((position - 0.5) / period + 0.5) - 0.5) * np.float32(period)


def _mix(one: Floats, other: Floats, amount: Floats) -> Floats:
    """(3,) or (n, 3) colours blended by (n,) amounts of the other -> (n, 3)."""
    return one + (other - one) * amount[:, None]


def _sky(spot: _Spot) -> Painted:
    albedo = _mix(_rgb(0x3F7FC4), _rgb(0xF1E9DC), np.clip(spot.y / 105, 0, 1))
    return albedo, np.zeros_like(spot.x)


def _brick(spot: _Spot) -> Painted:
    row = np.floor(spot.y / _COURSE)
    along = spot.x + _COURSE * (row - 2 * np.floor(row / 2))
    column = np.floor(along / _BRICK)
    joint = np.maximum(
        spot.stroke(_joint(spot.y, _COURSE), 1), spot.stroke(_joint(along, _BRICK), 1)
    )
    # Eight tones that repeat every 32 units: lively, yet a pattern that a network can know.
    column -= 4 * np.floor(column / 4)
    tone = _fraction((3 * row + 5 * column + row * column) / 8)
    dark, bright, mortar = (
        (0xBE8A48, 0xD6A964, 0xC9A874) if spot.rendered else (0x75342A, 0xB3593F, 0xAE9A86)
    )
    return _mix(_mix(_rgb(dark), _rgb(bright), tone), _rgb(mortar), joint * 0.7), -0.3 * joint


def _glass(spot: _Spot) -> Painted:
    width = spot.left + spot.right
    u, v = spot.left / width, 1 - spot.bottom / spot.tallest
    # The sky stands in the upper panes, the dark room behind the lower ones; one slanting sheen.
    albedo = _mix(_rgb(0x9CC3E4), _rgb(0x1B2836), np.clip(v * 1.25, 0, 1))
    sheen = 1 - np.clip(np.abs(u + 0.5 * v - 0.72) * 9 - 0.6, 0, 1)
    albedo = _mix(albedo, _rgb(0xE4F0F8), sheen * 0.3)
    curtain = np.clip((np.abs(u - 0.5) - 0.36 + 0.14 * v) * 12, 0, 1)
    albedo = _mix(albedo, _rgb(0xCFC6B4), curtain * 0.4)
    # Bars lie on whole units beside the middle, so that at 128 px they are one pixel and not two.
    mullion = spot.stroke(np.abs(spot.left - np.floor(width / 2) - 0.5), 0.9)
    transom = spot.stroke(np.abs(spot.bottom - np.floor(spot.tallest * 0.62) - 0.5), 0.9)
    frame = np.maximum(np.maximum(mullion, transom), spot.below(spot.edge, 1))
    return _mix(albedo, _rgb(0xDCD6C8), frame), 0.5 * frame


def _door(spot: _Spot) -> Painted:
    width, height = spot.left + spot.right, spot.tallest
    u, v = spot.left / width, 1 - spot.bottom / height
    grain = _fraction(spot.x * 0.75 + np.floor(spot.y / 16) * 0.3)
    albedo = _mix(_rgb(0x74401F), _rgb(0x96592D), grain)
    # Two leaves of three panels: the distance to the nearest stile or rail, in units.
    stile = np.abs(_fraction(u * 2 + 0.5) - 0.5) * width / 2
    rail = np.abs(_fraction(v * 3 + 0.5) - 0.5) * height / 3
    panel = 1 - spot.below(np.minimum(stile, rail), 1.2)
    gap = spot.stroke(np.abs(spot.left - spot.right) / 2, 0.7)
    knob = spot.below(np.maximum(np.abs(u - 0.62) * width, np.abs(v - 0.56) * height), 0.7)
    albedo = _mix(_mix(albedo, _rgb(0x5A3119), panel * 0.6), _rgb(0x1E120A), gap)
    return _mix(albedo, _rgb(0xF2CF72), knob), -0.5 * panel - 0.4 * gap


def _stone(code: int, roundness: float = 0.0) -> Callable[[_Spot], Painted]:
    """A painter of dressed stone with a bright upper arris and a worn lower one."""

    def paint(spot: _Spot) -> Painted:
        worn = np.clip(1 - spot.bottom / 1.5, 0, 1)
        albedo = _mix(_rgb(code), _rgb(code) * np.float32(0.72), worn)
        return albedo, roundness * np.minimum(spot.edge, 1)

    return paint


def _head(spot: _Spot) -> Painted:
    """A lintel of five stones, the keystone in the middle the brightest."""
    u = spot.left / (spot.left + spot.right)
    width = spot.left + spot.right
    joint = spot.stroke(np.abs(_fraction(u * 5 + 0.5) - 0.5) * width / 5, 0.6)
    # Where an arch's ring stands on both sides of its window, the patch is too thin for stones.
    joint *= np.clip(width / 4 - 1, 0, 1)
    keystone = spot.stroke(np.abs(u - 0.5) * width, 3) * np.clip(width / 4 - 1, 0, 1)
    albedo = _mix(_rgb(0xBFB197), _rgb(0xD8CDB6), keystone)
    return _mix(albedo, _rgb(0x7D7260), joint * 0.7), 0.5 * keystone - 0.3 * joint


def _shutter(spot: _Spot) -> Painted:
    slat = _fraction(spot.y / 2)
    frame = spot.below(spot.edge, 1)
    albedo = _mix(_rgb(0x2F6B5E), _rgb(0x5C9C86), slat)
    albedo = _mix(albedo, _rgb(0x4A8B78), frame)
    return albedo, np.maximum(frame * 0.5, slat * 0.35)


def _balcony(spot: _Spot) -> Painted:
    slab = spot.below(spot.bottom, 2)
    rail = spot.below(spot.top, 1)
    bars = spot.stroke(_joint(spot.x, 4), 1)
    iron = np.maximum(np.maximum(rail, bars), spot.below(np.minimum(spot.left, spot.right), 1))
    albedo = _mix(_rgb(0x8C7668), _rgb(0x20252B), iron)
    height = np.maximum(iron, slab) * 1.8 - 1.8
    return _mix(albedo, _rgb(0xD9CFBB), slab), height


def _cornice(spot: _Spot) -> Painted:
    """Three steps of moulding that recede downwards, and a row of dentils under them."""
    v = spot.top / (spot.top + spot.bottom)
    dentil = 1 - spot.stroke(np.abs(_fraction(spot.x / 4) - 0.5) * 4, 2)
    lower = np.clip((v - 0.62) * 8, 0, 1)
    step = np.clip((v - 0.3) * 8, 0, 1)
    albedo = _mix(_rgb(0xD6CBB4), _rgb(0xBBAE94), step)
    albedo = _mix(albedo, _rgb(0x857962), lower * dentil)
    return albedo, 1.4 - 1.0 * step - lower * (0.4 + 1.2 * dentil)


def _column(spot: _Spot) -> Painted:
    width = spot.left + spot.right
    across = 2 * spot.left / width - 1
    ends = spot.below(np.minimum(spot.top, spot.bottom), 3)
    shaft = np.sqrt(np.maximum(1 - across * across, 0)) * width * 0.5
    albedo = _mix(_rgb(0xCBBFA6), _rgb(0xD6CBB4), ends)
    return albedo, shaft * (1 - ends) + 1.6 * ends


def _entrance(spot: _Spot) -> Painted:
    """A lit shop: a striped awning, warm panes between dark mullions, a panelled base."""
    width, height = spot.left + spot.right, spot.top + spot.bottom
    panes = np.maximum(np.floor(width / 9), 1)
    mullion = spot.stroke(
        np.abs(_fraction(spot.left / width * panes + 0.5) - 0.5) * width / panes, 1
    )
    base = spot.below(spot.bottom, 4)
    frame = np.maximum(np.maximum(mullion, base), spot.below(spot.edge, 1.2))
    glow = np.clip(spot.top / height * 1.3 - 0.1, 0, 1)
    albedo = _mix(_rgb(0xFFE0A0), _rgb(0xC07A38), glow)
    albedo = _mix(albedo, _rgb(0x23352F), frame)
    awning = spot.below(spot.top, 6)
    stripe = spot.stroke(np.abs(_fraction(spot.x / 8) - 0.5) * 8, 4)
    cloth = _mix(_rgb(0xF3EBDC), _rgb(0xB23A32), stripe)
    lift = 2.6 + np.minimum(spot.top, 6) * 0.35
    return _mix(albedo, cloth, awning), np.maximum(0.6 * frame, awning * lift)


_PAINTERS: dict[str, Callable[[_Spot], Painted]] = {
    "background": _sky,
    "wall": _brick,
    "door": _door,
    "window": _glass,
    "window sill": _stone(0xD9CEB8, 0.4),
    "window head": _head,
    "shutter": _shutter,
    "balcony": _balcony,
    "trim": _stone(0xC4B69D, 0.5),
    "cornice": _cornice,
    "column": _column,
    "entrance": _entrance,
}


def _run(labels: NDArray[np.uint8], axis: int) -> tuple[Floats, Floats]:
    """(N, N) pixels from each pixel's middle to the start and to the end of its run of one label."""
    lines = labels if axis == 1 else labels.T
    count = lines.shape[1]
    place = np.arange(count, dtype=np.int32)
    change = np.ones((len(lines), count + 1), bool)
    np.not_equal(lines[:, 1:], lines[:, :-1], out=change[:, 1:-1])
    start = np.maximum.accumulate(np.where(change[:, :-1], place, 0), axis=1)
    stop = np.where(change[:, 1:], place + 1, count)[:, ::-1]
    stop = np.minimum.accumulate(stop, axis=1)[:, ::-1]
    before = (place + 0.5 - start).astype(np.float32)
    after = (stop - place - 0.5).astype(np.float32)
    return (before, after) if axis == 1 else (before.T, after.T)


def _highest_in_row(labels: NDArray[np.uint8], field: Floats) -> Floats:
    """(N, N) the field's maximum over each horizontal run of one label."""
    change = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=change[:, 1:])
    starts = np.flatnonzero(change)
    lengths = np.diff(starts, append=labels.size)
    return np.maximum.reduceat(field.reshape(-1), starts).repeat(lengths).reshape(labels.shape)


def _paint(labels: NDArray[np.uint8], sharpness: float) -> tuple[Floats, Floats]:
    """(N, N) label indexes -> albedo (N, N, 3) and relief (N, N)."""
    side = len(labels)
    place = (np.arange(side, dtype=np.float32) + 0.5) / np.float32(sharpness)
    y, x = np.broadcast_to(place[:, None], labels.shape), np.broadcast_to(place, labels.shape)
    runs = [run / np.float32(sharpness) for axis in (1, 0) for run in _run(labels, axis)]
    runs.append(_highest_in_row(labels, runs[2] + runs[3]))
    rendered = bool((labels == LABEL["shutter"]).any())
    albedo = np.empty((side * side, 3), np.float32)
    relief = np.empty(side * side, np.float32)
    for name, painter in _PAINTERS.items():
        pixels = np.flatnonzero(labels == LABEL[name])
        if len(pixels):
            fields = [field.reshape(-1)[pixels] for field in (x, y, *runs)]
            albedo[pixels], bump = painter(_Spot(*fields, sharpness, rendered))
            relief[pixels] = RELIEF[name] + bump
    return albedo.reshape(side, side, 3), relief.reshape(side, side)


@lru_cache(maxsize=4)
def _texture(side: int) -> Floats:
    """(N, N) fixed blotches and grain in [-1, 1]: the same on every house, like a lens's dust."""
    total = np.zeros((side, side), np.float32)
    for cells, weight in ((8, 0.3), (32, 0.3), (128, 0.4)):
        lattice = np.random.default_rng(cells).integers(-64, 65, (cells + 1, cells + 1))
        place = (np.arange(side) + 0.5) * cells / side
        low = place.astype(int)
        part = (place - low).astype(np.float32)
        rows = lattice[low] + (lattice[low + 1] - lattice[low]) * part[:, None]
        total += weight / 64 * (rows[:, low] + (rows[:, low + 1] - rows[:, low]) * part)
    return total


def _weather(albedo: Floats, labels: NDArray[np.uint8], sharpness: float) -> None:
    """Darkens in place: streaks under ledges, damp toward the ground, blotches everywhere."""
    side = len(labels)
    row = np.arange(side, dtype=np.int32)[:, None]
    ledge = np.isin(labels, [LABEL["window sill"], LABEL["cornice"], LABEL["balcony"]])
    last = np.maximum.accumulate(np.where(ledge, row, -side), axis=0)
    streak = np.clip(1 - (row - last) / np.float32(12 * sharpness), 0, 1)
    texture = _texture(side)
    drips = np.clip(0.6 + 1.2 * texture[side // 2], 0, 1)  # one row: each column has its drip
    streak = streak * streak * drips * (labels == LABEL["wall"]) * 0.7
    damp = np.clip((row / sharpness - 80) / 48, 0, 1) ** 2 * 0.45
    built = labels != LABEL["background"]
    grime = np.maximum(streak, damp * built)[:, :, None].astype(np.float32)
    albedo *= 1 - grime * np.array([0.75, 0.8, 0.95], np.float32)
    albedo *= 1 + (0.1 * texture * built)[:, :, None]


def _shifted(field: Floats, down: int, right: int, fill: float) -> Floats:
    """The field moved down and to the right; what enters at the edges is `fill`."""
    moved = np.full_like(field, fill)
    side = len(field)
    moved[down:, right:] = field[: side - down, : side - right]
    return moved


def _shadow(relief: Floats, sharpness: float) -> Floats:
    """(N, N) in 0 (lit) to 1 (shaded): walk toward the sun and see what stands in its way."""
    stride = max(1, round(sharpness / 2))
    highest = np.full_like(relief, -9)
    reach = float(relief.max() - relief.min()) * _FALL * sharpness
    for down in range(stride, round(reach) + stride, stride):
        blocker = _shifted(relief, down, down // 2, -9) - np.float32(down / sharpness / _FALL)
        np.maximum(highest, blocker, out=highest)
    return np.clip((highest - relief) / 0.8, 0, 1)  # not at once: the sun is no point


def _surroundings(relief: Floats, sharpness: float) -> Floats:
    """(N, N) mean relief within 2.5 units around; at half the resolution, as it is smooth."""
    radius = max(1, round(1.25 * sharpness))
    window = 2 * radius + 1
    field = relief[::2, ::2]
    for _ in range(2):
        padded = np.pad(field, ((0, 0), (radius + 1, radius)), mode="edge")
        total = np.cumsum(padded, axis=1, dtype=np.float64)
        field = np.ascontiguousarray(((total[:, window:] - total[:, :-window]) / window).T)
    return field.astype(np.float32).repeat(2, 0).repeat(2, 1)


def _light(relief: Floats, sharpness: float) -> Floats:
    """(N, N, 3) light on each pixel: the sun from the upper left, and the sky from everywhere."""
    step = max(1, round(sharpness / 2))
    toward_sun = np.zeros_like(relief)
    toward_sun[step:, step:] = relief[step:, step:] - relief[:-step, :-step]
    facing = np.clip(1 + 0.35 * toward_sun, 0.35, 1.5)
    hollow = np.clip((_surroundings(relief, sharpness) - relief) * 0.16, 0, 0.55)
    sun = facing * (1 - _shadow(relief, sharpness))
    sky = facing * (1 - hollow)
    return np.stack([sun * _SUN[c] + sky * _SKYLIGHT[c] for c in range(3)], axis=2)


def render(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The facade of a label map: (S, S) indexes into PALETTE -> (S, S, 3) uint8 picture."""
    side = len(labels)
    large = labels.repeat(_SUPERSAMPLING, 0).repeat(_SUPERSAMPLING, 1)
    sharpness = len(large) / _UNITS
    albedo, relief = _paint(large, sharpness)
    _weather(albedo, large, sharpness)
    outdoors = (large == LABEL["background"])[:, :, None]
    radiance = np.where(outdoors, albedo, albedo * _light(relief, sharpness))
    # Averaged as light, before gamma, as a lens would.
    blocks = radiance.reshape(side, _SUPERSAMPLING, side, _SUPERSAMPLING, 3)
    mean = (blocks[:, 0, :, 0] + blocks[:, 0, :, 1] + blocks[:, 1, :, 0] + blocks[:, 1, :, 1]) / 4
    return (np.sqrt(np.clip(mean, 0, 1)) * 255 + 0.5).astype(np.uint8)
