"""Adam as one kernel that reads a gradient in bf16 and writes the weight in float32 and in bf16.

torch's fused Adam wants gradients in the master's type, and knows of no copies: a cast before it
and a copy after it move 12 bytes a weight besides its own 28. Here it is 28 in all, and Adam is
bound by memory alone. Written for Triton, which comes with torch for NVIDIA's GPUs; on a processor
Triton's interpreter runs it (TRITON_INTERPRET=1), which is how it is tested.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(  # type: ignore[no-untyped-def]
    weight,
    copy,
    gradient,
    mean,
    square,
    step_size,
    widening,
    count,
    BETA1: tl.constexpr,
    BETA2: tl.constexpr,
    EPS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    w = tl.load(weight + at, mask=inside)
    g = tl.load(gradient + at, mask=inside).to(w.dtype)
    m = BETA1 * tl.load(mean + at, mask=inside) + (1 - BETA1) * g
    v = BETA2 * tl.load(square + at, mask=inside) + (1 - BETA2) * g * g
    w -= tl.load(step_size) * m / (tl.sqrt(v) * tl.load(widening) + EPS)
    tl.store(mean + at, m, mask=inside)
    tl.store(square + at, v, mask=inside)
    tl.store(weight + at, w, mask=inside)
    tl.store(copy + at, w.to(copy.dtype.element_ty), mask=inside)


def fits(weight: Tensor, copy: Tensor, gradient: Tensor) -> bool:
    """Whether all lie in memory alike and without gaps, so that they can be read as one row."""
    dense = weight.numel() == copy.numel() and copy.stride() == weight.stride()
    return dense and gradient.stride() == weight.stride()


def descend(
    weight: Tensor,
    copy: Tensor,
    gradient: Tensor,
    moments: dict[str, Tensor],
    step_size: Tensor,
    widening: Tensor,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """One step on one weight and its copy.

    `step_size` is the learning rate over 1 - beta1^t, `widening` 1 over the root of 1 - beta2^t,
    both of one element on the device.
    """
    count = weight.numel()
    launch: Any = _kernel[(triton.cdiv(count, _BLOCK),)]
    launch(
        weight,
        copy,
        gradient,
        moments["exp_avg"],
        moments["exp_avg_sq"],
        step_size,
        widening,
        count,
        BETA1=betas[0],
        BETA2=betas[1],
        EPS=eps,
        BLOCK=_BLOCK,
    )
