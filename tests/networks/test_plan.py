"""Layers of a plan: rows of a map from rows of another, for every kind of layer."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pix2pix.networks import empty_generator
from pix2pix.networks.layers import reflect
from pix2pix.networks.plan import Layer, Read
from tests.helpers import small

READ = (Read(0),)
DOWN = Layer(READ, nn.Conv2d(3, 5, 4, 2, 1))
UP = Layer(READ, nn.ConvTranspose2d(3, 5, 4, 2, 1, bias=False))
UP_3 = Layer(READ, nn.ConvTranspose2d(3, 5, 3, 2, 1, output_padding=1))
RESIZED = Layer(READ, nn.Conv2d(3, 5, 3, 1, 1), resize=True)
REFLECTED = Layer(READ, nn.Conv2d(3, 5, 7), reflect_px=3)
SUM = Layer((Read(0), Read(1)))
LAYERS = {"down": DOWN, "up": UP, "up 3": UP_3, "resized": RESIZED, "reflected": REFLECTED, "sum": SUM}


def whole(layer: Layer, x: Tensor) -> Tensor:
    if layer.conv is None:
        return x
    x = F.interpolate(x, scale_factor=2.0) if layer.resize else x
    y: Tensor = layer.conv(reflect(x, layer.reflect_px) if layer.reflect_px else x)
    return y


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("size", [(12, 8), (4, 6), (2, 2)])
@pytest.mark.parametrize("strip", [1, 2, 3, 100])
@torch.no_grad()
def test_strips_are_the_whole_and_need_no_other_rows(name: str, size: tuple[int, int], strip: int) -> None:
    layer, x = LAYERS[name], torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    expected = whole(layer, x)
    assert layer.shape((3, *size)) == expected.shape[1:]
    strips = []
    for start in range(0, expected.shape[2], strip):
        stop = min(start + strip, expected.shape[2])
        first, last = layer.rows_read(start, stop, size[0])
        assert 0 <= first < last <= size[0]
        strips.append(layer.rows(x[:, :, first:last], first, size[0], start, stop))
    torch.testing.assert_close(torch.cat(strips, 2), expected, rtol=0, atol=1e-5)


def test_a_halo_is_as_thin_as_the_kernel_allows() -> None:
    assert DOWN.rows_read(10, 20, 100) == (19, 41)
    assert UP.rows_read(10, 20, 100) == (4, 11)
    assert UP_3.rows_read(10, 20, 100) == (5, 11)
    assert RESIZED.rows_read(10, 20, 100) == (4, 11)
    assert REFLECTED.rows_read(10, 20, 100) == (7, 23)
    assert SUM.rows_read(10, 20, 100) == (10, 20)


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ((), 10),
        (("model.generator=encoder_decoder", "model.depth=4"), 8),
        (("model.generator=resnet", "model.blocks=3"), 3 + 3 * 3 + 3),
    ],
)
def test_a_plan_reads_only_what_is_there_and_all_of_it(settings: tuple[str, ...], layers: int) -> None:
    plan = empty_generator(small(*settings)).plan()
    assert len(plan) == layers
    assert all(read.map < number for number, layer in enumerate(plan, 1) for read in layer.reads)
    assert {read.map for layer in plan for read in layer.reads} == set(range(layers))
