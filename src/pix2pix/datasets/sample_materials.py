"""What the demo's houses are made of: for each label, a painter that gives colour and relief.

A pixel knows its place in the picture and how far it is from the edges of its own patch of label,
and nothing else. So each stroke is explained by the label map, and a network can learn it.

Axes: n the pixels of one label. Lengths are in units of 1/128 of the picture: a mortar joint is 1
wide, a course of bricks 4 high. Periods are powers of two, which strided convolutions draw easily.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Painted = tuple[Floats, Floats]

UNITS = 128

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

# How far each label stands out of the wall; below 0 it is set back and its reveal shades it.
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
    "entrance": -1.2,
}


@dataclass(frozen=True)
class Spot:
    """The pixels of one label: place in the picture, distances to the edges of their patch.

    All fields are (n,) and in units, measured from the middles of pixels.
    """

    x: Floats
    y: Floats
    left: Floats
    right: Floats
    top: Floats
    bottom: Floats
    height: Floats  # of the patch where it is highest: an arch's crown
    sharpness: float  # drawn pixels in a unit
    washed: bool  # houses with shutters are washed in ochre, the others are bare brick

    @property
    def width(self) -> Floats:
        """Of the patch at this pixel's height."""
        return self.left + self.right

    @property
    def u(self) -> Floats:
        """0 at the patch's left edge, 1 at its right."""
        return self.left / self.width

    @property
    def v(self) -> Floats:
        """0 at the patch's crown, 1 at its foot."""
        return 1 - self.bottom / self.height

    @property
    def edge(self) -> Floats:
        """Distance to the nearest edge of the patch."""
        return np.minimum(np.minimum(self.left, self.right), np.minimum(self.top, self.bottom))

    def within(self, distance: Floats, limit: float) -> Floats:
        """The share of each pixel whose `distance` is under `limit`, 0 to 1."""
        return np.clip((limit - distance) * np.float32(self.sharpness) + 0.5, 0, 1)

    def line(self, distance: Floats, width: float) -> Floats:
        """The share of each pixel under a line, 0 to 1, from the distance to its middle."""
        return self.within(np.abs(distance), width / 2)


def paint(name: str, spot: Spot) -> Painted:
    """(n, 3) linear colours in [0, 1] and (n,) relief in units, of the pixels of label `name`."""
    albedo, bump = _PAINTERS[name](spot)
    return albedo, bump + np.float32(RELIEF[name])


def _rgb(code: int) -> Floats:
    """0xRRGGBB as (3,) linear light in [0, 1]; gamma 2, because a root is exact everywhere."""
    channels = np.array([code >> 16, code >> 8 & 0xFF, code & 0xFF], np.float32) / 255
    linear: Floats = channels * channels
    return linear


def _mix(one: Floats, other: Floats, amount: Floats) -> Floats:
    """(3,) or (n, 3) colours blended by (n,) amounts of the other -> (n, 3)."""
    mixed: Floats = one + (other - one) * amount[:, None]
    return mixed


def _fraction(values: Floats) -> Floats:
    return values - np.floor(values)


def _nearest(position: Floats, period: float | Floats) -> Floats:
    """Distance to the nearest multiple of `period`."""
    return np.abs(_fraction(position / period + 0.5) - 0.5) * period


def _sky(spot: Spot) -> Painted:
    albedo = _mix(_rgb(0x3F7FC4), _rgb(0xF1E9DC), np.clip(spot.y / 105, 0, 1))
    return albedo, np.zeros_like(spot.x)


def _brick(spot: Spot) -> Painted:
    row = np.floor(spot.y / 4)
    along = spot.x + 4 * (row - 2 * np.floor(row / 2))  # every second course moves by half a brick
    column = np.floor(along / 8)
    # Joints fill the first unit of a period, so that at 128 px they are one pixel and not two.
    joint = np.maximum(spot.line(_nearest(spot.y - 0.5, 4), 1), spot.line(_nearest(along - 0.5, 8), 1))
    # Eight tones that repeat every 32 units: lively, and still a pattern that can be known.
    column -= 4 * np.floor(column / 4)
    tone = _fraction((3 * row + 5 * column + row * column) / 8)
    washed, bare = (0xBE8A48, 0xD6A964, 0xC9A874), (0x75342A, 0xB3593F, 0xAE9A86)
    dark, bright, mortar = washed if spot.washed else bare
    return _mix(_mix(_rgb(dark), _rgb(bright), tone), _rgb(mortar), joint * 0.7), -0.3 * joint


def _glass(spot: Spot) -> Painted:
    u, v = spot.u, spot.v
    # The sky stands in the upper panes, a dark room behind the lower ones; one slanting sheen.
    albedo = _mix(_rgb(0x9CC3E4), _rgb(0x1B2836), np.clip(v * 1.25, 0, 1))
    sheen = np.clip(1.6 - np.abs(u + 0.5 * v - 0.72) * 9, 0, 1)
    albedo = _mix(albedo, _rgb(0xE4F0F8), sheen * 0.3)
    curtain = np.clip((np.abs(u - 0.5) - 0.36 + 0.14 * v) * 12, 0, 1)
    albedo = _mix(albedo, _rgb(0xCFC6B4), curtain * 0.4)
    mullion = spot.line(spot.left - np.floor(spot.width / 2) - 0.5, 0.9)
    transom = spot.line(spot.bottom - np.floor(spot.height * 0.62) - 0.5, 0.9)
    frame = np.maximum(np.maximum(mullion, transom), spot.within(spot.edge, 1))
    return _mix(albedo, _rgb(0xDCD6C8), frame), 0.5 * frame


def _door(spot: Spot) -> Painted:
    """Two leaves of three panels each, and a brass knob."""
    u, v = spot.u, spot.v
    grain = _fraction(spot.x * 0.75 + np.floor(spot.y / 16) * 0.3)
    stile, rail = _nearest(spot.left, spot.width / 2), _nearest(spot.bottom, spot.height / 3)
    panel = 1 - spot.within(np.minimum(stile, rail), 1.2)
    gap = spot.line((spot.left - spot.right) / 2, 0.7)
    knob = np.maximum(np.abs(u - 0.62) * spot.width, np.abs(v - 0.56) * spot.height)
    albedo = _mix(_rgb(0x74401F), _rgb(0x96592D), grain)
    albedo = _mix(_mix(albedo, _rgb(0x5A3119), panel * 0.6), _rgb(0x1E120A), gap)
    return _mix(albedo, _rgb(0xF2CF72), spot.within(knob, 0.7)), -0.5 * panel - 0.4 * gap


def _stone(spot: Spot, code: int) -> Painted:
    """Dressed stone: rounded edges, the lower one worn."""
    worn = np.clip(1 - spot.bottom / 1.5, 0, 1)
    return _mix(_rgb(code), _rgb(code) * np.float32(0.72), worn), 0.5 * np.minimum(spot.edge, 1)


def _sill(spot: Spot) -> Painted:
    return _stone(spot, 0xD9CEB8)


def _trim(spot: Spot) -> Painted:
    return _stone(spot, 0xC4B69D)


def _head(spot: Spot) -> Painted:
    """A lintel of five stones, the keystone in the middle the brightest."""
    # An arch's ring is thin beside its window: no room for stones there.
    room = np.clip(spot.width / 4 - 1, 0, 1)
    joint = spot.line(_nearest(spot.left, spot.width / 5), 0.6) * room
    keystone = spot.line((spot.left - spot.right) / 2, 3) * room
    albedo = _mix(_rgb(0xBFB197), _rgb(0xD8CDB6), keystone)
    return _mix(albedo, _rgb(0x7D7260), joint * 0.7), 0.5 * keystone - 0.3 * joint


def _shutter(spot: Spot) -> Painted:
    slat = _fraction(spot.y / 2)
    frame = spot.within(spot.edge, 1)
    albedo = _mix(_rgb(0x2F6B5E), _rgb(0x5C9C86), slat)
    return _mix(albedo, _rgb(0x4A8B78), frame), np.maximum(0.5 * frame, 0.35 * slat)


def _balcony(spot: Spot) -> Painted:
    """Iron bars under a rail, on a slab of stone; between them the shaded room."""
    slab = spot.within(spot.bottom, 2)
    ends = spot.within(np.minimum(np.minimum(spot.left, spot.right), spot.top), 1)
    iron = np.maximum(ends, spot.line(_nearest(spot.x - 0.5, 4), 1))
    albedo = _mix(_rgb(0x8C7668), _rgb(0x20252B), iron)
    return _mix(albedo, _rgb(0xD9CFBB), slab), 1.8 * np.maximum(iron, slab) - 1.8


def _cornice(spot: Spot) -> Painted:
    """Mouldings that recede in steps, and a row of dentils under them."""
    v = spot.top / (spot.top + spot.bottom)
    step, lower = np.clip((v - 0.3) * 8, 0, 1), np.clip((v - 0.62) * 8, 0, 1)
    gap = 1 - spot.line(_nearest(spot.x - 2, 4), 2)
    albedo = _mix(_rgb(0xD6CBB4), _rgb(0xBBAE94), step)
    albedo = _mix(albedo, _rgb(0x857962), lower * gap)
    return albedo, 1.4 - step - lower * (0.4 + 1.2 * gap)


def _column(spot: Spot) -> Painted:
    """A round shaft between a square base and a square capital."""
    across = 2 * spot.u - 1
    shaft = np.sqrt(np.maximum(1 - across * across, 0)) * spot.width * 0.5
    ends = spot.within(np.minimum(spot.top, spot.bottom), 3)
    albedo = _mix(_rgb(0xD3C8B0), _rgb(0x8E8372), np.clip(across * 0.7 + 0.2, 0, 1))
    return _mix(albedo, _rgb(0xD6CBB4), ends), shaft + (1.6 - shaft) * ends


def _entrance(spot: Spot) -> Painted:
    """A lit shop: a striped awning, warm panes between dark mullions, a panelled base."""
    panes = np.maximum(np.floor(spot.width / 9), 1)
    mullion = spot.line(_nearest(spot.left, spot.width / panes), 1)
    frame = np.maximum(np.maximum(mullion, spot.within(spot.bottom, 4)), spot.within(spot.edge, 1))
    albedo = _mix(_rgb(0xFFE0A0), _rgb(0xC07A38), np.clip(spot.v * 1.3 - 0.1, 0, 1))
    albedo = _mix(albedo, _rgb(0x23352F), frame)
    awning = spot.within(spot.top, 6)
    cloth = _mix(_rgb(0xE8DFCE), _rgb(0xB23A32), spot.line(_nearest(spot.x - 4, 8), 4))
    slope = 2.6 + np.minimum(spot.top, 6) * 0.35
    return _mix(albedo, cloth, awning), np.maximum(0.6 * frame, awning * slope)


_PAINTERS: dict[str, Callable[[Spot], Painted]] = {
    "background": _sky,
    "wall": _brick,
    "door": _door,
    "window": _glass,
    "window sill": _sill,
    "window head": _head,
    "shutter": _shutter,
    "balcony": _balcony,
    "trim": _trim,
    "cornice": _cornice,
    "column": _column,
    "entrance": _entrance,
}
