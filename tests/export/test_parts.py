from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from pix2pix.export import parts
from pix2pix.export.parts import write_parts


@pytest.mark.parametrize("size", [1, 99, 100, 101, 1000])
@pytest.mark.parametrize("compress", [False, True])
def test_parts_make_the_whole_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, compress: bool
) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 100)
    data = bytes(i * i % 251 for i in range(size))
    told = write_parts(data, tmp_path, "networks", compress=compress)
    pieces = [(tmp_path / part["file"]).read_bytes() for part in told["parts"]]
    whole = b"".join(pieces)
    assert (gzip.decompress(whole) if compress else whole) == data
    assert told["bytes"] == len(whole) == sum(part["bytes"] for part in told["parts"])
    assert told["gzip"] == compress
    assert all(0 < len(piece) <= 100 for piece in pieces)
    digests = [hashlib.sha256(piece).hexdigest() for piece in (*pieces, whole)]
    assert digests == [*(part["sha256"] for part in told["parts"]), told["sha256"]]


def test_another_content_has_another_name(tmp_path: Path) -> None:
    names = {write_parts(data, tmp_path, "networks")["parts"][0]["file"] for data in (b"1", b"2")}
    assert len(names) == 2


def test_hosts_that_refuse_large_files_take_the_parts() -> None:
    assert parts.PART_BYTES <= 20 << 20
