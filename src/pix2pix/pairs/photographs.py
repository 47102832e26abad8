"""Photographs alone, of which each is a target whose source is made."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.files import kind
from pix2pix.pairs import layouts
from pix2pix.pairs.find import Place, pictures_of
from pix2pix.pairs.names import name_of
from pix2pix.pairs.pair_set import PairSet, by_split, split_up, whole_pair, with_unused


def find_photographs(places: Sequence[Place]) -> PairSet:
    """Return every picture as a target whose source is made; folders train, val and test are splits."""
    found = [pictures_of(place, "photographs") for place in places]
    pairs = [whole_pair(name_of(path, place.root), path, path) for place in found for path in place.files]
    if not pairs:
        raise UserError(f"{found[0].root} holds no pictures.")
    splits = by_split(pairs)
    if len(splits) > 1:
        splits.pop("", None)  # loose ones next to folders of splits are counted in the note
    folders = [Path(place) for place in places if kind(Path(place)) == "folder"]
    found_set = with_unused(split_up(splits, "photographs"), folders)
    return replace(found_set, notes=(*found_set.notes, *_halves_as_photographs(folders)))


def _halves_as_photographs(folders: Sequence[Path]) -> Iterator[str]:
    """Yield a note for each folder whose pictures are the halves of pairs, and not all photographs."""
    for root in folders:
        if fitting := layouts.find_folder_pairs(root):
            halves = next(iter(fitting[0].folders.values()))
            likely = min(halves, key=lambda half: layouts.role(half.name) not in layouts.PHOTOGRAPHS)
            names = " and ".join(f"{half.relative_to(root)}/" for half in halves)
            yield (
                f"{names} look like the two halves of pairs, and are both taken as photographs: to take one, "
                f"name it, as in `pix2pix train {likely}`"
            )
