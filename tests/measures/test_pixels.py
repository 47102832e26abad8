import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix.measures import measure
from pix2pix.measures.pixels import l1, l1_variety, psnr_db, ssim


def pictures(seed: int) -> Tensor:
    return torch.rand(3, 3, 40, 48, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("allowed", [True, False])
def test_similarity_is_in_float32_where_products_are_tf32(
    allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, convolve = [], torch.nn.functional.conv2d

    def watched(*arguments: Any, **named: Any) -> Tensor:
        seen.append(torch.backends.cudnn.allow_tf32)
        return convolve(*arguments, **named)

    monkeypatch.setattr(torch.nn.functional, "conv2d", watched)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    measure(pictures(0), pictures(1))
    assert seen
    assert not any(seen)
    assert torch.backends.cudnn.allow_tf32 is allowed


def test_a_picture_equals_itself() -> None:
    scores = measure(pictures(0), pictures(0))
    assert scores["l1"].tolist() == [0, 0, 0]
    assert scores["psnr_db"].tolist() == [math.inf] * 3
    torch.testing.assert_close(scores["ssim"], torch.ones(3))


def test_a_constant_difference_has_known_values() -> None:
    scores = measure(torch.full((2, 3, 32, 32), 0.5), torch.full((2, 3, 32, 32), 0.3))
    torch.testing.assert_close(scores["l1"], torch.full((2,), 0.2))
    # The range is 2, so 10 log10(2**2 / 0.2**2).
    torch.testing.assert_close(scores["psnr_db"], torch.full((2,), 20.0))
    # Without variance SSIM is its luminance term, C1 = (0.01 * 2)**2.
    luminance = (2 * 0.5 * 0.3 + 4e-4) / (0.5**2 + 0.3**2 + 4e-4)
    torch.testing.assert_close(scores["ssim"], torch.full((2,), luminance), rtol=1e-4, atol=0)


def test_opposite_pictures_are_as_far_as_can_be() -> None:
    white = torch.ones(1, 1, 32, 32)
    scores = measure(white, -white)
    assert float(scores["l1"]) == 2
    assert float(scores["psnr_db"]) == pytest.approx(0, abs=1e-5)
    assert float(scores["ssim"]) < -0.9


def test_each_picture_is_measured_by_itself() -> None:
    together = measure(pictures(0), pictures(1))
    for i in range(3):
        alone = measure(pictures(0)[i : i + 1], pictures(1)[i : i + 1])
        for name, values in together.items():
            torch.testing.assert_close(values[i : i + 1], alone[name])


def test_noise_lowers_psnr_and_ssim() -> None:
    clean = pictures(0).cumsum(3) / 48
    little, much = (measure(clean + s * pictures(1), clean) for s in (0.05, 0.3))
    for name in ("psnr_db", "ssim"):
        assert (little[name] > much[name]).all()


def test_variety_is_the_mean_distance_of_all_pairs() -> None:
    variants = pictures(5)[:, :, :8, :8]
    by_pairs = [float(l1(variants[[a]], variants[[b]])) for a, b in combinations(range(3), 2)]
    assert float(l1_variety(variants)) == pytest.approx(sum(by_pairs) / 3)
    assert float(l1_variety(variants[:1].expand(8, -1, -1, -1))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("measure", [l1, psnr_db, ssim])
def test_what_has_no_data_is_left_out(measure: Callable[[Tensor, Tensor], Tensor]) -> None:
    output, target = (torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(n)) for n in (0, 1))
    holed = target.clone()
    holed[:, :, :16] = torch.nan
    below = measure(output[:, :, 16:], target[:, :, 16:])
    torch.testing.assert_close(
        measure(output, holed), below, rtol=0.1 if measure is ssim else 1e-5, atol=0.02
    )
    other = output.clone()
    other[:, :, :16] = 1
    torch.testing.assert_close(measure(other, holed), measure(output, holed))
