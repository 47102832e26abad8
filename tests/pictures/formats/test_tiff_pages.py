import struct
from pathlib import Path

import pytest

from pix2pix.pictures.formats.tiff_pages import MOST_PAGES
from tests.pictures.samples import refusal

_SUB_PAGES = 330


def write_pages(path: Path, following: list[int], inner: dict[int, int] | None = None) -> Path:
    """A TIFF of empty pages: page n is followed by page following[n], -1 is none; `inner` are SubIFDs."""
    places = [8 + 18 * n for n in range(len(following))]
    data = b"II*\0" + struct.pack("<I", places[0])
    for number, after in enumerate(following):
        child = (inner or {}).get(number)
        tag = struct.pack("<HHII", _SUB_PAGES if child is not None else 256, 4, 1, places[child or 0])
        data += struct.pack("<H", 1) + tag + struct.pack("<I", places[after] if after >= 0 else 0)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("following", "inner"),
    [([0], {}), ([1, 0], {}), ([1, 2, 1], {}), ([-1, 1], {0: 1}), ([-1, 2, 1], {0: 1})],
    ids=["itself", "the first", "an earlier one", "within, itself", "within, an earlier one"],
)
def test_pages_in_a_circle_are_refused(tmp_path: Path, following: list[int], inner: dict[int, int]) -> None:
    path = write_pages(tmp_path / "a.tif", following, inner)
    assert "its pages name each other in a circle" in refusal(path)


def test_a_large_tiff_in_a_circle_is_refused(tmp_path: Path) -> None:
    page = struct.pack(">Q", 0) + struct.pack(">Q", 16)
    (tmp_path / "a.tif").write_bytes(b"MM\0+" + struct.pack(">HHQ", 8, 0, 16) + page)
    assert "in a circle" in refusal(tmp_path / "a.tif")


def test_endless_pages_are_refused(tmp_path: Path) -> None:
    count = MOST_PAGES + 1
    path = write_pages(tmp_path / "a.tif", [*range(1, count), -1])
    assert f"it has more than {MOST_PAGES:,} pages" in refusal(path)


def test_pages_that_lead_out_of_the_file_are_left_to_the_decoder(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", [-1])
    path.write_bytes(path.read_bytes()[:-4] + struct.pack("<I", 1_000_000))
    refusal(path)
