from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.pixels import Pixels
from pix2pix.errors import UserError

SHAPE = (6, 4, 5, 3)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 60_000, SHAPE, np.uint16)


@pytest.fixture
def file(tmp_path: Path, values: np.ndarray) -> Path:
    """The values in a file, with something in the place of an index."""
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "a.source").write_bytes(values.tobytes())
    return tmp_path / "a.source"


def open_file(file: Path, values: np.ndarray) -> Pixels:
    return Pixels(file.open("rb"), "uint16", SHAPE, [zlib.crc32(pair.tobytes()) for pair in values])


def test_pairs_are_read_where_only_the_file_s_position_is_read(
    file: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "preadv", raising=False)
    assert np.array_equal(open_file(file, values)[[3, 1, 5]], values[[3, 1, 5]])


def test_a_read_that_comes_in_parts_is_whole(
    file: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = getattr(os, "preadv", None)
    if whole is None:
        pytest.skip("this system reads at the file's position")
    monkeypatch.setattr(os, "preadv", lambda file, into, start: whole(file, [into[0][:7]], start))
    assert np.array_equal(open_file(file, values)[:], values)


def test_pairs_are_read_by_number_slice_and_list(file: Path, values: np.ndarray) -> None:
    pixels = open_file(file, values)
    assert (len(pixels), pixels.shape, pixels.dtype, pixels.nbytes) == (6, SHAPE, np.uint16, values.nbytes)
    for index in (0, 5, -1, np.int64(3), slice(1, 4), slice(None), slice(5, 99), slice(4, 4), [3, 1, 1], []):
        read = pixels[index]  # type: ignore[index]
        assert np.array_equal(read, values[index]), index
        assert read.dtype == np.uint16
    for index in (6, -7):
        with pytest.raises(IndexError):
            pixels[index]


@pytest.mark.parametrize("read_before", [False, True])
def test_a_file_that_is_emptied_while_it_is_open_is_a_sentence(
    file: Path, values: np.ndarray, read_before: bool
) -> None:
    pixels = open_file(file, values)
    if read_before:
        assert np.array_equal(pixels[:], values)
    file.write_bytes(values.tobytes()[: 2 * values[0].nbytes + 7])
    assert np.array_equal(pixels[1], values[1])
    with pytest.raises(UserError, match=r"a\.source, of decoded pairs, was cut short .* the same command"):
        pixels[2]
    assert not file.with_suffix(".json").exists()


def test_a_changed_pair_is_noticed_when_it_is_read_first(file: Path, values: np.ndarray) -> None:
    changed = values.copy()
    changed[3, 1, 2, 0] ^= 1
    file.write_bytes(changed.tobytes())
    pixels = open_file(file, values)
    assert np.array_equal(pixels[:3], values[:3])
    with pytest.raises(UserError, match="has changed since it was written, at pair 4"):
        pixels[3]
    assert not file.with_suffix(".json").exists()


def test_a_disk_that_fails_is_a_sentence(tmp_path: Path, values: np.ndarray) -> None:
    # Reading the memory of another process at an address that it does not have fails as a bad disk does.
    with pytest.raises(UserError, match="cannot be read: Input/output error"):
        open_file(Path("/proc/self/mem"), values)[0]


def test_the_file_is_closed_with_the_last_reference(file: Path, values: np.ndarray) -> None:
    opened = file.open("rb")
    pixels = Pixels(opened, "uint16", SHAPE, [0] * 6)
    assert not opened.closed
    del pixels
    assert opened.closed
