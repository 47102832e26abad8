"""Transposed convolutions before and after they are rewritten, with the same weights."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pix2pix.inference.openvino import import_quietly

openvino: Any = import_quietly()
from pix2pix.inference.deconvolutions import ops, rewrite  # noqa: E402

BELOW, SKIP = 6, 4


def weights_of(out_channels: int, *, skip: bool) -> NDArray[np.float32]:
    shape = (BELOW + SKIP * skip, out_channels, 4, 4)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def model_of(out_channels: int, *, skip: bool, relu: bool = True, stride: int = 2) -> Any:
    """ReLU and a transposed convolution, on features from below and, concatenated, from a skip."""
    inputs = [ops.parameter([-1, c, -1, -1], np.float32) for c in (BELOW, SKIP)[: 1 + skip]]
    x = ops.concat(inputs, 1) if skip else inputs[0]
    weights = ops.constant(weights_of(out_channels, skip=skip))
    x = ops.convolution_backprop_data(
        ops.relu(x) if relu else x, weights, [stride, stride], None, [1, 1], [1, 1], [1, 1]
    )
    bias = ops.constant(np.arange(out_channels, dtype=np.float32).reshape(1, -1, 1, 1))
    return openvino.Model([ops.add(x, bias)], inputs)


def outputs(model: Any) -> list[NDArray[np.float32]]:
    """Its outputs for noise, a picture of one pixel among it."""
    random = np.random.default_rng(1)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [
        compiled(
            [
                random.normal(size=(batch, one.partial_shape[1].get_length(), height, width)).astype(
                    np.float32
                )
                for one in model.inputs
            ]
        )[0]
        for batch, height, width in ((1, 1, 1), (2, 3, 5))
    ]


def kinds(model: Any) -> set[str]:
    return {node.get_type_name() for node in model.get_ops()}


@pytest.mark.parametrize("out_channels", [1, 3, 20])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("relu", [True, False])
def test_outputs_stay_the_same(out_channels: int, skip: bool, relu: bool) -> None:
    model = model_of(out_channels, skip=skip, relu=relu)
    expected = outputs(model)
    rewrite(model, [weights_of(out_channels, skip=skip)])
    for after, before in zip(outputs(model), expected, strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-4)


def test_a_skip_is_added_instead_of_concatenated() -> None:
    model = model_of(20, skip=True)
    rewrite(model, [weights_of(20, skip=True)])
    assert "Concat" not in kinds(model)
    names = [node.get_type_name() for node in model.get_ops()]
    assert names.count("ConvolutionBackpropData") == 2


def test_few_channels_become_one_convolution() -> None:
    model = model_of(3, skip=False)
    rewrite(model, [weights_of(3, skip=False)])
    assert "Convolution" in kinds(model)
    assert "ConvolutionBackpropData" not in kinds(model)


def test_weights_are_needed_for_each() -> None:
    with pytest.raises(ValueError, match="shorter"):
        rewrite(model_of(3, skip=False), [])


def test_convolutions_of_another_stride_stay() -> None:
    model = model_of(3, skip=False, stride=1)
    rewrite(model, [weights_of(3, skip=False)])
    assert "ConvolutionBackpropData" in kinds(model)
