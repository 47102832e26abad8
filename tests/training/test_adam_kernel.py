"""The kernel by Triton's interpreter, in a process of its own: it is chosen before any import."""

import importlib.util
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
import torch

from pix2pix.config import Config
from pix2pix.data.feed import HostFeed
from pix2pix.training.graph import GraphEngine
from pix2pix.training.state import new_state
from pix2pix.training.twin import Manner
from tests.training.test_graph_engine import CPU, run, setting

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not there")


def interpreted(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@needs_triton
@pytest.mark.slow
def test_a_step_is_torch_s_and_the_copy_is_the_weight() -> None:
    interpreted(
        """
        import torch
        from pix2pix.training.adam_kernel import descend, fits

        for memory in (torch.contiguous_format, torch.channels_last):
            drawn = torch.randn(6, 5, 4, 4, dtype=torch.float64).contiguous(memory_format=memory)
            theirs, mine = torch.nn.Parameter(drawn.clone()), drawn.clone()
            copy = torch.zeros_like(mine, dtype=torch.float32)
            adam = torch.optim.Adam([theirs], 0.01, (0.5, 0.999), fused=True)
            moments = {"exp_avg": torch.zeros_like(mine), "exp_avg_sq": torch.zeros_like(mine)}
            for t in range(1, 6):
                gradient = torch.randn_like(copy)
                theirs.grad = gradient.double()
                adam.step()
                assert fits(mine, copy, gradient)
                descend(
                    mine, copy, gradient, moments,
                    torch.tensor(0.01 / (1 - 0.5**t), dtype=torch.float64),
                    torch.tensor((1 - 0.999**t) ** -0.5, dtype=torch.float64), (0.5, 0.999), 1e-8,
                )
            assert (theirs - mine).abs().max() < 1e-14
            assert torch.equal(copy, mine.float())
        """
    )


@needs_triton
@pytest.mark.slow
def test_the_engine_ends_where_it_does_with_torch_s_adam() -> None:
    """Passes in float32 beside masters in float64, so that the copies take part."""
    interpreted(
        """
        import torch
        from pix2pix.config import Config
        from pix2pix.training.graph import GraphEngine
        from pix2pix.training.twin import Manner
        from tests.helpers import SMALL, double_state
        from tests.training.test_graph_engine import run, setting

        config = Config.load(None, [*SMALL, "model.norm=none", "training.images=8"])
        config = config.with_channels(3, 3)
        states = []
        for own in (False, True):
            manner = Manner(torch.float32, padded=True, own_adam=own)
            engine = GraphEngine(setting(config, double_state(config)), manner)
            run(engine, 6)
            states.append(engine.setting.state.tensors())
        for one, other in zip(*states, strict=True):
            assert torch.allclose(one, other, rtol=0, atol=1e-6), (one - other).abs().max()
        """
    )


@needs_triton
def test_where_no_weight_fits_the_kernel_torch_s_adam_takes_all(tiny: Callable[..., Config]) -> None:
    """In float32 beside masters in float32 there are no copies to write."""
    states = []
    for own in (False, True):
        config = tiny()
        engine = GraphEngine(setting(config, new_state(config, CPU), HostFeed), Manner(own_adam=own))
        run(engine, 2)
        states.append(engine.setting.state.tensors())
    for one, other in zip(*states, strict=True):
        assert torch.equal(one, other)
