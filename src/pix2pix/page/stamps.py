"""Stamps: small arrangements of classes that recur in a model's label maps, such as a window with its sill.

An arrangement has a middle, an area of a frequent class, and parts, areas of rarer classes next to it. A
class is a part of another if most of its areas lie next to one of the other's: few windows may have a
sill, but hardly a sill is without a window. All get median sizes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from skimage.measure import label, regionprops

Place = Literal["above", "below", "left", "right"]

_LIMIT = 8
_LEAST_SHARE = 3e-4  # of a map's pixels: smaller areas are dust
_LARGEST_SHARE = 0.1  # larger areas are grounds, not things
_FILLED = 0.6  # of an area's box, from which the area is a box in good approximation
_NEAR = 0.03  # of a map's side: so far apart may a middle and its part lie
_WIDER = 2.2  # so many times wider and higher than its middle may a part be,
_NARROW = 0.3  # and it must be so much of the side at which it is
_COMMON = 0.5  # of a part's areas must lie next to a middle,
_ON_A_SIDE = 0.2  # and so many of them on a side, for the stamp to have it there
_LEAST_COUNT = 4  # areas of a class, fewer are no habit


class Part(BaseModel, frozen=True):
    """A box of one colour: left, top, width, height in pixels of training from the stamp's middle."""

    colour: str
    box: tuple[float, float, float, float]


class Stamp(BaseModel, frozen=True):
    """Boxes that are drawn at once."""

    name: str
    parts: tuple[Part, ...]


class _Area(NamedTuple):
    """A connected area of a class; the box as shares of the map's width and height."""

    class_: int
    left: float
    top: float
    right: float
    bottom: float
    pixels: int

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


Pair = tuple[_Area, _Area]  # a middle and a part next to it
Sides = dict[Place, tuple[int, list[Pair]]]  # the class of the part on each side, and all such pairs
Neighbours = dict[tuple[int, int], dict[Place, list[Pair]]]  # by the classes of middle and part


def find_stamps(
    maps: Sequence[NDArray[np.integer]],
    swatches: Sequence[tuple[str, str]],
    ground: int,
    size: tuple[int, int],
) -> tuple[Stamp, ...]:
    """Return up to eight stamps, those with most parts first, of (H, W) class indexes.

    `swatches` are name and colour of each class, `ground` the class that is behind all, `size` the
    height and width of training in pixels.
    """
    areas, neighbours = _things(maps, len(swatches), ground)
    counts = _frequent(areas, maps)
    by_count = sorted(counts, key=lambda class_: -counts[class_])
    shapes: list[tuple[int, Sides]] = []
    for middle in by_count:
        rarer = (part for part in counts if counts[part] < counts[middle])
        sides = {part: _common_sides(neighbours[middle, part], counts[part]) for part in rarer}
        shapes += [(middle, shape) for shape in _combined({p: s for p, s in sides.items() if s})]
    shapes.sort(key=lambda shape: -len(shape[1]))
    parts = {part for _, sides in shapes for part, _ in sides.values()}
    shapes += [(class_, {}) for class_ in by_count if class_ not in parts]
    return tuple(_stamp(areas[class_], sides, swatches, size) for class_, sides in shapes[:_LIMIT])


def _things(
    maps: Sequence[NDArray[np.integer]], count: int, ground: int
) -> tuple[dict[int, list[_Area]], Neighbours]:
    """Return the areas of each class but the ground, and which lie next to which."""
    things: dict[int, list[_Area]] = defaultdict(list)
    neighbours: Neighbours = defaultdict(lambda: defaultdict(list))
    for indexes in maps:
        areas = [area for area in _areas(indexes, count) if area.class_ != ground]
        for middle in areas:
            things[middle.class_].append(middle)
            for part in areas:
                if part.class_ != middle.class_ and (place := _place(middle, part)):
                    neighbours[middle.class_, part.class_][place].append((middle, part))
    return things, neighbours


def _frequent(things: dict[int, list[_Area]], maps: Sequence[NDArray[np.integer]]) -> dict[int, int]:
    """Return the number of areas of each class that recurs as things: sky has few areas of that size."""
    pixels = sum((np.bincount(m.ravel(), minlength=256) for m in maps), np.zeros(256, np.int64))
    return {
        class_: len(areas)
        for class_, areas in things.items()
        if len(areas) >= _LEAST_COUNT and sum(area.pixels for area in areas) >= pixels[class_] / 2
    }


def _areas(indexes: NDArray[np.integer], count: int) -> Iterator[_Area]:
    """Yield the areas of a map that are things: neither dust nor ground, and nearly boxes."""
    height, width = indexes.shape
    for region in regionprops(label(indexes + 1, background=0, connectivity=1)):
        top, left, bottom, right = region.bbox
        share = region.area / indexes.size
        class_ = int(indexes[tuple(region.coords[0])])
        if class_ < count and _LEAST_SHARE <= share <= _LARGEST_SHARE and region.extent >= _FILLED:
            yield _Area(class_, left / width, top / height, right / width, bottom / height, int(region.area))


def _place(middle: _Area, part: _Area) -> Place | None:
    """Return on which side of the middle a part lies, or None if it is elsewhere or much larger."""
    if part.width > _WIDER * middle.width or part.height > _WIDER * middle.height:
        return None
    x, y = (part.left + part.right) / 2, (part.top + part.bottom) / 2
    if middle.left <= x <= middle.right and part.width >= _NARROW * middle.width:
        if abs(part.bottom - middle.top) <= _NEAR:
            return "above"
        if abs(part.top - middle.bottom) <= _NEAR:
            return "below"
    if middle.top <= y <= middle.bottom and part.height >= _NARROW * middle.height:
        if abs(part.right - middle.left) <= _NEAR:
            return "left"
        if abs(part.left - middle.right) <= _NEAR:
            return "right"
    return None


def _common_sides(sides: dict[Place, list[Pair]], count: int) -> dict[Place, list[Pair]]:
    """Return the sides on which a class of so many areas commonly is; none if it mostly lies elsewhere."""
    if len({part for pairs in sides.values() for _, part in pairs}) < _COMMON * count:
        return {}
    common = {place: pairs for place, pairs in sides.items() if len(pairs) >= _ON_A_SIDE * count}
    if "above" in common and "below" in common:
        # The head of a window is below the one of the next storey, too.
        del common["above" if len(common["above"]) < len(common["below"]) else "below"]
    return common


def _combined(parts: dict[int, dict[Place, list[Pair]]]) -> list[Sides]:
    """Return the stamp with the most frequent part on each side, and one for each part that is not in it."""
    shapes: list[Sides] = []
    for part in sorted(parts, key=lambda part: -max(map(len, parts[part].values()))):
        sides: Sides = {place: (part, pairs) for place, pairs in parts[part].items()}
        if shapes and shapes[0].keys() & sides.keys():
            shapes.append(sides)
        else:
            shapes[:1] = [{**shapes[0], **sides} if shapes else sides]
    return shapes


def _stamp(
    things: Sequence[_Area], sides: Sides, swatches: Sequence[tuple[str, str]], size: tuple[int, int]
) -> Stamp:
    """Return a stamp in pixels of training; its middle has the median size of those that have such parts."""
    middles = [middle for _, pairs in sides.values() for middle, _ in pairs] or things
    width = float(np.median([middle.width for middle in middles]))
    height = float(np.median([middle.height for middle in middles]))
    boxes = [(middles[0].class_, (-width / 2, -height / 2, width, height))]
    for place, (part, pairs) in sides.items():
        wide = width * float(np.median([p.width / m.width for m, p in pairs]))
        high = height * float(np.median([p.height / m.height for m, p in pairs]))
        left = {"left": -width / 2 - wide, "right": width / 2}.get(place, -wide / 2)
        top = {"above": -height / 2 - high, "below": height / 2}.get(place, -high / 2)
        boxes.append((part, (left, top, wide, high)))
    scale = size[1], size[0], size[1], size[0]
    parts = (
        Part(colour=swatches[class_][1], box=tuple(round(v * s, 1) for v, s in zip(box, scale, strict=True)))
        for class_, box in boxes
    )
    return Stamp(name=" + ".join(dict.fromkeys(swatches[c][0] for c, _ in boxes)), parts=tuple(parts))
