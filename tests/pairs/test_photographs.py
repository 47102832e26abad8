from pathlib import Path

from pix2pix.pairs.photographs import find_photographs
from tests.helpers import write_text


def test_halves_of_pairs_among_photographs_are_noted(tmp_path: Path) -> None:
    for half in ("images", "masks"):
        for n in range(6):
            write_text(tmp_path / half / f"{n}.png")
    pair_set = find_photographs([tmp_path])
    assert f"`pix2pix train {tmp_path}/images`" in pair_set.note
    assert "halves" not in find_photographs([tmp_path / "images"]).note
