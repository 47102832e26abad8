from pathlib import Path

import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.inference.maps import MapFile, Moments


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_rows_are_read_from_anywhere(tmp_path: Path, dtype: torch.dtype) -> None:
    rows, file = torch.randn(10, 3, 7).to(dtype), MapFile(tmp_path / "map.bin", (3, 10, 7), dtype)
    for start in (6, 0, 3):
        file.write(start, rows[start : start + 4])
    file.finish()
    file.close()
    for start, stop in ((0, 10), (2, 5), (9, 10)):
        torch.testing.assert_close(file.read(start, stop), rows[start:stop])
    assert file.path.stat().st_size == rows.numel() * dtype.itemsize
    file.delete()
    assert not file.path.exists()


def test_a_folder_that_refuses_is_named(tmp_path: Path) -> None:
    file = MapFile(tmp_path / "missing" / "map.bin", (1, 1, 1), torch.float32)
    with pytest.raises(UserError, match=r"Cannot write .*map\.bin: No such file"):
        file.write(0, torch.zeros(1, 1, 1))


@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_moments_of_strips_are_those_of_the_whole(offset: float) -> None:
    x = torch.randn(1, 4, 50, 31, generator=torch.Generator().manual_seed(0))
    x = x * torch.tensor([0.01, 1, 2, 3])[:, None, None] + offset + torch.linspace(0, 1, 50)[:, None]
    moments = Moments(4)
    for start, stop in ((0, 1), (1, 20), (20, 50)):
        moments.add(x[:, :, start:stop])
    mean, variance = moments.statistics()
    exact = x.double()[0].flatten(1)
    torch.testing.assert_close(mean, exact.mean(1), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(variance, exact.var(1, correction=0), rtol=1e-4, atol=0)
