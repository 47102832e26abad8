"""The drawn half of the demo's pairs: a lit facade, computed from a label map and nothing else.

A pixel knows its place in the picture and how far it is from the edges of its patch of label. A
painter for each label makes colour and relief of that; weather and light treat all labels alike. So
each stroke is explained by the label map, and a network can learn it.

Axes: S the label map's side, N = 2 S the side that is drawn and then reduced, n the pixels of one label.
Lengths are in units of 1/128 of the picture: a mortar joint is 1 wide, a course of bricks 4 high.
Periods are powers of two, which strided convolutions draw easily. Colours are linear light in [0, 1].
"""

from collections.abc import Callable
from functools import lru_cache, partial, reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.floating[Any]]
Painted = tuple[Floats, Floats]  # (n, 3) colours and (n,) relief in units


class Spot(NamedTuple):
    """The pixels of one label, (n,) each: place in the picture, distances to the edges of their patch."""

    scale: float  # drawn pixels in a unit
    washed: bool  # houses with shutters are washed in ochre, the others are bare brick
    x: Floats
    y: Floats
    left: Floats
    top: Floats
    right: Floats
    bottom: Floats
    edge: Floats  # distance to the nearest of the four
    width: Floats  # of the patch at this pixel's height
    height: Floats  # of the patch in its middle: an arch's crown

    def within(self, limit: float, *distances: Floats) -> Floats:
        """Return the share of each pixel, 0 to 1, that is nearer than `limit` to any of the lines."""
        return np.asarray(np.clip((limit - reduce(np.minimum, distances)) * self.scale + 0.5, 0, 1))


def _rgb(code: int) -> Floats:
    """Return 0xRRGGBB as (3,) linear light; gamma 2, because a root is exact everywhere."""
    return np.square(np.array([code >> 16, code >> 8 & 0xFF, code & 0xFF], np.float32) / 255)


def _coats(ground: int, *coats: tuple[int, Floats]) -> Floats:
    """Return (n, 3): a colour under coats of others, each as thick as its share of a pixel (n,)."""
    colour = _rgb(ground)
    for code, share in coats:
        colour = colour + (_rgb(code) - colour) * share[:, None]
    return colour


def _lines(position: Floats, period: float | Floats) -> Floats:
    """Return the distance to the nearest of the lines at multiples of `period`."""
    return np.asarray(np.abs((position / period + 0.5) % 1 - 0.5) * period)


def _sky(spot: Spot) -> Painted:
    return _coats(0x3F7FC4, (0xF1E9DC, np.clip(spot.y / 105, 0, 1))), 0 * spot.y


def _brick(spot: Spot) -> Painted:
    row = spot.y // 4
    along = spot.x + row % 2 * 4  # every second course moves by half a brick
    column = along // 8 % 4
    # Joints fill the first unit of a period, so that at 128 px they are one pixel and not two.
    joint = spot.within(0.5, _lines(spot.y - 0.5, 4), _lines(along - 0.5, 8))
    # Eight tones that repeat every 32 units: lively, and still a pattern that can be known.
    tone = (3 * row + 5 * column + row * column) / 8 % 1
    dark, bright, mortar = (0xBE8A48, 0xD6A964, 0xC9A874) if spot.washed else (0x75342A, 0xB3593F, 0xAE9A86)
    return _coats(dark, (bright, tone), (mortar, joint * 0.7)), -0.3 * joint


def _glass(spot: Spot) -> Painted:
    """Paint a frame with a cross; the sky in the upper panes, a dark room, a curtain, one slanting sheen."""
    u, v = spot.left / spot.width, 1 - spot.bottom / spot.height
    sheen = np.clip(1.6 - np.abs(u + 0.5 * v - 0.72) * 9, 0, 1)
    curtain = np.clip((np.abs(u - 0.5) - 0.36 + 0.14 * v) * 12, 0, 1)
    mullion = np.abs(spot.left - spot.width // 2 - 0.5)
    transom = np.abs(spot.bottom - spot.height * 0.62 // 1 - 0.5)
    frame = spot.within(0.45, mullion, transom, spot.edge - 0.55)
    coats = ((0xE4F0F8, sheen * 0.3), (0xCFC6B4, curtain * 0.4), (0xDCD6C8, frame))
    return _coats(0x9CC3E4, (0x1B2836, np.clip(v * 1.25, 0, 1)), *coats), 0.5 * frame


def _door(spot: Spot) -> Painted:
    """Paint two leaves of three panels each, and a brass knob."""
    grain = (spot.x * 0.75 + spot.y // 16 * 0.3) % 1
    panel = 1 - spot.within(1.2, _lines(spot.left, spot.width / 2), _lines(spot.bottom, spot.height / 3))
    gap = spot.within(0.35, np.abs(spot.left - spot.right) / 2)
    knob = np.maximum(np.abs(spot.left - 0.62 * spot.width), np.abs(spot.bottom - 0.44 * spot.height))
    coats = ((0x5A3119, panel * 0.6), (0x1E120A, gap), (0xF2CF72, spot.within(0.7, knob)))
    return _coats(0x74401F, (0x96592D, grain), *coats), -0.5 * panel - 0.4 * gap


def _stone(colour: int, worn: int, spot: Spot) -> Painted:
    """Paint dressed stone: rounded edges, the lower one worn."""
    return _coats(colour, (worn, np.clip(1 - spot.bottom / 1.5, 0, 1))), 0.5 * np.minimum(spot.edge, 1)


def _lintel(spot: Spot) -> Painted:
    """Paint five stones, the keystone in the middle the brightest."""
    room = np.clip(spot.width / 4 - 1, 0, 1)  # an arch's ring is too thin for stones
    joint = spot.within(0.3, _lines(spot.left, spot.width / 5)) * room
    keystone = spot.within(1.5, np.abs(spot.left - spot.right) / 2) * room
    return _coats(0xBFB197, (0xD8CDB6, keystone), (0x7D7260, joint * 0.7)), 0.5 * keystone - 0.3 * joint


def _shutter(spot: Spot) -> Painted:
    slat, frame = spot.y / 2 % 1, spot.within(1, spot.edge)
    return _coats(0x2F6B5E, (0x5C9C86, slat), (0x4A8B78, frame)), np.maximum(0.5 * frame, 0.35 * slat)


def _balcony(spot: Spot) -> Painted:
    """Paint iron bars under a rail, on a slab of stone; between them the shaded room."""
    slab = spot.within(2, spot.bottom)
    iron = spot.within(1, spot.left, spot.right, spot.top, _lines(spot.x - 0.5, 4) + 0.5)
    return _coats(0x8C7668, (0x20252B, iron), (0xD9CFBB, slab)), 1.8 * np.maximum(iron, slab) - 1.8


def _cornice(spot: Spot) -> Painted:
    """Paint mouldings that recede in steps, and a row of dentils under them."""
    v = spot.top / (spot.top + spot.bottom)
    step, lower = np.clip((v - 0.3) * 8, 0, 1), np.clip((v - 0.62) * 8, 0, 1)
    gap = lower * (1 - spot.within(1, _lines(spot.x - 2, 4)))
    return _coats(0xD6CBB4, (0xBBAE94, step), (0x857962, gap)), 1.4 - step - 0.4 * lower - 1.2 * gap


def _column(spot: Spot) -> Painted:
    """Paint a round shaft between a square base and a square capital."""
    across = (spot.left - spot.right) / spot.width
    shaft = np.sqrt(np.maximum(1 - across * across, 0)) * spot.width * 0.5
    ends = spot.within(3, spot.top, spot.bottom)
    shade = np.clip(across * 0.7 + 0.2, 0, 1)
    return _coats(0xD3C8B0, (0x8E8372, shade), (0xD6CBB4, ends)), shaft + (1.6 - shaft) * ends


def _shop(spot: Spot) -> Painted:
    """Paint a striped awning, warm panes between dark mullions, a panelled base."""
    mullion = _lines(spot.left, spot.width / np.maximum(spot.width // 9, 1)) + 0.5
    frame = spot.within(1, mullion, spot.bottom - 3, spot.edge)
    glow = np.clip((1 - spot.bottom / spot.height) * 1.3 - 0.1, 0, 1)
    awning, stripe = spot.within(6, spot.top), spot.within(2, _lines(spot.x - 4, 8))
    coats = ((0x23352F, frame), (0xE8DFCE, awning), (0xB23A32, stripe * awning))
    relief = np.maximum(0.6 * frame, awning * (2.6 + np.minimum(spot.top, 6) * 0.35))
    return _coats(0xFFE0A0, (0xC07A38, glow), *coats), relief


# Name: colour in label maps, painter, and how far the label stands out of the wall in units. What is
# below 0 is set back, and its reveal shades it.
_MATERIALS: dict[str, tuple[int, Callable[[Spot], Painted], float]] = {
    "background": (0x0006D9, _sky, 0.0),
    "wall": (0x0D3DFB, _brick, 0.0),
    "door": (0xA50000, _door, -2.2),
    "window": (0x0075FF, _glass, -1.8),
    "window sill": (0x68F898, partial(_stone, 0xD9CEB8, 0xB8AF9C), 2.0),
    "window head": (0x1DFFDD, _lintel, 0.8),
    "shutter": (0xEEED28, _shutter, 0.7),
    "balcony": (0xB8FF38, _balcony, 2.6),
    "trim": (0xFF9204, partial(_stone, 0xC4B69D, 0xA69A85), 0.8),
    "cornice": (0xFF4401, _cornice, 4.6),
    "column": (0xF60001, _column, 0.8),
    "entrance": (0x00C9FF, _shop, -1.2),
}
LABEL = {name: index for index, name in enumerate(_MATERIALS)}
PALETTE = {name: (code >> 16, code >> 8 & 0xFF, code & 0xFF) for name, (code, _, _) in _MATERIALS.items()}


def render(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw the facade of a label map: (S, S) indexes into PALETTE -> (S, S, 3) uint8 picture."""
    side, large = len(labels), labels.repeat(2, 0).repeat(2, 1)
    scale = len(large) / 128
    colour, relief = _paint(large, scale)
    light = _light(relief, scale) * _weather(large, scale)
    light[large == LABEL["background"]] = 1
    # Averaged as light, before gamma, as a lens would.
    fine = (colour * light).reshape(side, 2, side, 2, 3)
    mean = (fine[:, 0, :, 0] + fine[:, 0, :, 1] + fine[:, 1, :, 0] + fine[:, 1, :, 1]) / 4
    return np.asarray(np.sqrt(mean.clip(0, 1)) * 255 + 0.5, np.uint8)


def _paint(labels: NDArray[np.uint8], scale: float) -> Painted:
    """Paint (N, N) indexes -> colours (N, N, 3), relief (N, N) in units."""
    y, x = (np.indices(labels.shape, np.float32) + 0.5) / scale
    top, right, bottom, left = (np.rot90(_inset(np.rot90(labels, turn)), -turn) / scale for turn in range(4))
    edge = np.minimum(np.minimum(left, right), np.minimum(top, bottom))
    middle = ((x + (right - left) / 2) * scale).astype(np.intp)  # an arch is highest there
    height = np.take_along_axis(top + bottom, middle, axis=1)
    fields = np.stack([x, y, left, top, right, bottom, edge, left + right, height]).reshape(9, -1)
    washed = bool((labels == LABEL["shutter"]).any())
    colour, relief = np.empty((labels.size, 3), np.float32), np.empty(labels.size, np.float32)
    for name, (_, painter, ledge) in _MATERIALS.items():
        pixels = np.flatnonzero(labels == LABEL[name])
        colour[pixels], bump = painter(Spot(scale, washed, *fields[:, pixels]))
        relief[pixels] = bump + ledge
    return colour.reshape(*labels.shape, 3), relief.reshape(labels.shape)


def _inset(labels: NDArray[np.uint8]) -> Floats:
    """Return (N, N): pixels from the top of each column's run of one label to the pixel's middle."""
    row = np.arange(len(labels), dtype=np.int16)[:, None]  # 16 bits run along three times as fast
    starts = np.diff(labels, axis=0, prepend=255) != 0
    return np.asarray(row - np.maximum.accumulate(starts * row, axis=0) + np.float32(0.5))


@lru_cache(maxsize=4)
def _texture(side: int) -> Floats:
    """Return (N, N) fixed blotches and grain in [-1, 1]: the same on every house, like dust on a lens."""
    lattices = (np.random.default_rng(n).uniform(-1, 1, (n, n)).astype(np.float32) for n in (8, 32, 128))
    blotches, spots, grain = (
        np.asarray(Image.fromarray(lattice).resize((side, side), Image.Resampling.BILINEAR))
        for lattice in lattices
    )
    return 0.3 * blotches + 0.3 * spots + 0.4 * grain


def _weather(labels: NDArray[np.uint8], scale: float) -> Floats:
    """Return (N, N, 3), what is left of the light: streaks under ledges, damp at the ground, blotches."""
    row, texture = np.arange(len(labels), dtype=np.float32)[:, None], _texture(len(labels))
    ledge = np.isin(labels, [LABEL["window sill"], LABEL["cornice"], LABEL["balcony"]])
    below = row - np.maximum.accumulate(np.where(ledge, row, np.float32(-1e6)), axis=0)
    drips = np.clip(0.6 + 1.2 * texture[len(labels) // 2], 0, 1)  # one row: each column has its own drip
    streak = 0.7 * drips * (labels == LABEL["wall"]) * np.square(np.clip(1 - below / (12 * scale), 0, 1))
    damp = 0.45 * np.square(np.clip((row / scale - 80) / 48, 0, 1))
    dirt = np.maximum(streak, damp)[:, :, None] * np.array((0.75, 0.80, 0.95), np.float32)
    return np.asarray((1 + 0.1 * texture[:, :, None]) * (1 - dirt))


def _light(relief: Floats, scale: float) -> Floats:
    """Return (N, N, 3), the light on each pixel: the sun from the upper left, and the sky from everywhere."""
    step = max(1, round(scale / 2))
    facing = np.clip(1 + 0.35 * (relief - np.roll(relief, (step, step), (0, 1))), 0.35, 1.5)
    # Walk toward the sun: what stands out by 1 throws a shadow 1.5 long, and half as far to the right.
    # Shadows that leave the picture come back on the other side: as those of the house next door.
    horizon, reach = relief, round(float(np.ptp(relief)) * 1.5 * scale)
    for down in range(step, reach + step, step):
        horizon = np.maximum(horizon, np.roll(relief, (down, down // 2), (0, 1)) - down / scale / 1.5)
    sun = facing * (1 - np.clip((horizon - relief) / 0.8, 0, 1))  # a soft edge: the sun is no point
    surroundings = Image.fromarray(relief).reduce(max(1, round(2 * scale)))
    around = np.asarray(surroundings.resize(relief.shape, Image.Resampling.BILINEAR))
    sky = facing * (1 - np.clip((around - relief) * 0.16, 0, 0.55))
    warm, cool = np.array(((0.98, 0.89, 0.73), (0.25, 0.31, 0.41)), np.float32)
    return np.asarray(sun[:, :, None] * warm + sky[:, :, None] * cool)
