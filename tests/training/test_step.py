"""The plain engine against the method written a second time.

The oracle below takes initial weights and configuration from the package, and nothing else:
networks, norm, noise, losses and Adam are written out from the paper, in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.config import Config
from pix2pix.data.batches import Batch
from pix2pix.networks.noise import noise_keys
from pix2pix.training.state import State, new_state
from pix2pix.training.step import learning_rate, plain_step
from tests.helpers import double_state, make_step, small

Tiny = Callable[..., Config]
Weights = dict[str, Tensor]

DEPTH, NOISY_LAYERS, STRIDED = 5, 1, 1  # of a U-Net on 32 px, and of a 16 px discriminator


class Oracle:
    """Both networks as plain tensors, and one step of the paper on them."""

    def __init__(self, state: State, config: Config) -> None:
        self.config = config
        self.g = copied(state.generator)
        self.d = copied(state.discriminator) if state.discriminator is not None else {}
        self.adam_of_g: dict[str, tuple[Tensor, Tensor]] = {}
        self.adam_of_d: dict[str, tuple[Tensor, Tensor]] = {}
        self.steps = 0

    def step(self, x: Tensor, y: Tensor, samples: list[int], rate: float) -> dict[str, float]:
        objective, losses = self.config.objective, {}
        self.steps += 1
        generated = self.generate(x, samples)

        if self.d:
            real = self.discriminate(x, y)
            fake = self.discriminate(x, generated.detach())
            loss = d_loss(real, fake, objective.adversarial)
            losses["loss_d"] = loss.item()
            border = 0.5 if objective.adversarial == "lsgan" else 0
            right = torch.cat([(real > border).flatten(), (fake < border).flatten()])
            losses["d_right"] = right.double().mean().item()
            self.descend(loss, self.d, self.adam_of_d, rate)

        if self.config.data.target_one_hot:
            near = -((generated + 1) / 2).log()[y > 0].mean()
        else:
            near = (y - generated).abs().mean()
        losses["loss_class" if self.config.data.target_one_hot else "loss_l1"] = near.item()
        total = objective.l1 * near
        if self.d:
            adversarial = g_loss(self.discriminate(x, generated), objective.adversarial)
            losses["loss_gan"] = adversarial.item()
            total = total + objective.gan * adversarial
        self.descend(total, self.g, self.adam_of_g, rate)
        return losses

    def generate(self, x: Tensor, samples: list[int]) -> Tensor:
        passed, w = [], self.g
        for i in range(DEPTH):
            if i:
                x = torch.where(x > 0, x, 0.2 * x)
            x = F.conv2d(x, w[f"encoder.{i}.conv.weight"], w.get(f"encoder.{i}.conv.bias"), 2, 1)
            x = self.norm(x, w, f"encoder.{i}.norm")
            passed.append(x)
        for i in range(DEPTH):
            if i and self.config.model.generator == "unet":
                x = torch.cat([x, passed[DEPTH - 1 - i]], 1)
            x = x * (x > 0)
            x = F.conv_transpose2d(x, w[f"decoder.{i}.conv.weight"], w.get(f"decoder.{i}.conv.bias"), 2, 1)
            x = self.norm(x, w, f"decoder.{i}.norm")
            if i < NOISY_LAYERS:
                x = 2 * x * kept(self.config.training.seed, samples, i, x.shape[1:])
        if self.config.data.target_one_hot:
            return 2 * x.exp() / x.exp().sum(1, keepdim=True) - 1
        return torch.tanh(x)

    def discriminate(self, x: Tensor, y: Tensor) -> Tensor:
        seen = torch.cat([x, y], 1) if self.config.objective.conditional else y
        # Convolution, norm and activation alternate in D; convolutions are every third layer.
        for i in range(STRIDED + 1):
            stride = 2 if i < STRIDED else 1
            name = f"layers.{3 * i}"
            seen = F.conv2d(seen, self.d[f"{name}.weight"], self.d.get(f"{name}.bias"), stride, 1)
            seen = self.norm(seen, self.d, f"layers.{3 * i + 1}")
            seen = torch.where(seen > 0, seen, 0.2 * seen)
        name = f"layers.{3 * (STRIDED + 1)}"
        return F.conv2d(seen, self.d[f"{name}.weight"], self.d[f"{name}.bias"], 1, 1)

    def norm(self, x: Tensor, w: Weights, name: str) -> Tensor:
        if f"{name}.weight" not in w:
            return x
        axes = (0, 2, 3) if self.config.model.norm == "batch" else (2, 3)
        mean = x.mean(axes, keepdim=True)
        variance = ((x - mean) ** 2).mean(axes, keepdim=True)
        if f"{name}.running_mean" in w:
            count = x.numel() // x.shape[1]
            for key, now in (("running_mean", mean), ("running_var", variance * count / (count - 1))):
                w[f"{name}.{key}"] = 0.9 * w[f"{name}.{key}"] + 0.1 * now.detach().flatten()
        normal = (x - mean) / (variance + 1e-5) ** 0.5
        return normal * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]

    def descend(
        self, loss: Tensor, w: Weights, moments: dict[str, tuple[Tensor, Tensor]], rate: float
    ) -> None:
        """Adam as in Kingma and Ba, algorithm 1."""
        b1, b2 = self.config.training.beta1, self.config.training.beta2
        learned = [name for name, tensor in w.items() if tensor.requires_grad]
        gradients = torch.autograd.grad(loss, [w[name] for name in learned])
        for name, gradient in zip(learned, gradients, strict=True):
            m, v = moments.get(name, (torch.zeros_like(gradient), torch.zeros_like(gradient)))
            m, v = b1 * m + (1 - b1) * gradient, b2 * v + (1 - b2) * gradient**2
            moments[name] = m, v
            m, v = m / (1 - b1**self.steps), v / (1 - b2**self.steps)
            w[name] = (w[name].detach() - rate * m / (v**0.5 + 1e-8)).requires_grad_()


def copied(network: torch.nn.Module) -> Weights:
    learned = {name for name, _ in network.named_parameters()}
    return {
        name: tensor.detach().clone().requires_grad_(name in learned)
        for name, tensor in network.state_dict().items()
    }


def d_loss(real: Tensor, fake: Tensor, kind: str) -> Tensor:
    if kind == "bce":
        return -(real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()) / 2
    if kind == "lsgan":
        return ((real - 1).square().mean() + fake.square().mean()) / 2
    return ((1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()) / 2


def g_loss(fake: Tensor, kind: str) -> Tensor:
    if kind == "bce":
        return -fake.sigmoid().log().mean()
    return (fake - 1).square().mean() if kind == "lsgan" else -fake.mean()


def kept(seed: int, samples: list[int], layer: int, shape: torch.Size) -> Tensor:
    """(B, C, H, W) of 0 and 1 by the 32-bit hash, half of them 1."""

    def mixed(h: np.ndarray) -> np.ndarray:
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x21F0AAAD)
        h = (h ^ (h >> np.uint32(15))) * np.uint32(0x735A2D97)
        return h ^ (h >> np.uint32(15))

    b, c, h, w = np.indices((len(samples), *shape), dtype=np.uint32)
    state = np.zeros_like(b)
    for counter in (np.uint32(seed), np.uint32(samples)[b], np.uint32(layer), c, h, w):
        state = mixed((state ^ counter) + np.uint32(0x9E3779B9))
    return torch.from_numpy((state >= 2**31).astype(np.float64))


def drawn(position: int, size: int, classes: bool = False) -> Batch:
    rng = np.random.default_rng(position)
    x, y = torch.from_numpy(rng.uniform(-1, 1, (2, size, 3, 32, 32)))
    y = F.one_hot(y.argmax(1), 3).movedim(-1, 1) * 2.0 - 1 if classes else y
    positions = range(position, position + size)
    return Batch(x, y, [str(n) for n in positions], torch.tensor(positions))


def assert_equal_steps(config: Config, steps: int = 3) -> None:
    state = double_state(config)
    oracle = Oracle(state, config)
    for _ in range(steps):
        batch = drawn(state.images_seen, config.training.batch, config.data.target_one_hot)
        rate = learning_rate(config.training, state.images_seen)
        losses = make_step(state, batch, config)
        expected = oracle.step(batch.source, batch.target, batch.positions.tolist(), rate)
        assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(
            expected, rel=0, abs=1e-9
        )
        for network, own in ((state.generator, oracle.g), (state.discriminator, oracle.d)):
            tensors = network.state_dict() if network is not None else {}
            assert tensors.keys() == own.keys()
            for name, tensor in tensors.items():
                torch.testing.assert_close(
                    tensor, own[name].detach(), rtol=0, atol=1e-9, msg=lambda m, n=name: f"{n}: {m}"
                )


@pytest.mark.parametrize("kind", ["bce", "lsgan", "hinge"])
@pytest.mark.parametrize("conditional", ["true", "false"])
@pytest.mark.parametrize("batch", [1, 2])
def test_three_steps_equal_the_formulas(tiny: Tiny, kind: str, conditional: str, batch: int) -> None:
    assert_equal_steps(
        tiny(
            f"objective.adversarial={kind}",
            f"objective.conditional={conditional}",
            f"training.batch={batch}",
            "training.seed=4294967295",
        )
    )


@pytest.mark.parametrize(
    "settings",
    [
        ("objective.gan=0",),
        ("objective.l1=0",),
        ("objective.gan=0.25", "objective.l1=3", "training.beta1=0.9", "training.beta2=0.9"),
        ("data.target_labels=facades", "data.target_one_hot=true", "objective.l1=3"),
        ("model.norm=instance",),
        ("model.norm=none",),
        ("model.generator=encoder_decoder",),
        ("training.schedule=linear", "training.images=4", "training.learning_rate=0.01"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("batch", [1, 2])
def test_three_steps_equal_the_formulas_with(tiny: Tiny, settings: tuple[str, ...], batch: int) -> None:
    assert_equal_steps(tiny(*settings, f"training.batch={batch}"))


def test_a_step_moves_every_weight_of_both_networks(tiny: Tiny) -> None:
    config = tiny()
    state = double_state(config)
    parts = (state.generator, state.discriminator)
    before = [p.detach().clone() for part in parts for p in part.parameters()]
    make_step(state, drawn(0, 1), config)
    after = [p for part in parts for p in part.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_without_an_adversarial_term_there_is_no_discriminator(tiny: Tiny) -> None:
    state = new_state(tiny("objective.gan=0"), torch.device("cpu"))
    assert state.discriminator is None
    assert state.discriminator_optimiser is None


def test_a_step_counts_the_images_of_its_batch(tiny: Tiny) -> None:
    config = tiny("training.batch=3")
    state = new_state(config, torch.device("cpu"))
    batch = drawn(0, 3)
    single = Batch(batch.source.float(), batch.target.float(), batch.names, batch.positions)
    make_step(state, single, config)
    assert state.images_seen == 3


def test_losses_hold_no_graph(tiny: Tiny) -> None:
    config = tiny()
    losses = make_step(double_state(config), drawn(0, 1), config)
    assert set(losses) == {"loss_d", "loss_gan", "loss_l1", "d_right"}
    assert not any(loss.requires_grad for loss in losses.values())


@pytest.mark.parametrize(
    ("schedule", "rates"), [("constant", [1, 1, 1, 1, 1]), ("linear", [1, 1, 1, 0.5, 0])]
)
def test_the_learning_rate_is_constant_or_falls_over_the_second_half(
    tiny: Tiny, schedule: str, rates: list[float]
) -> None:
    training = tiny(f"training.schedule={schedule}", "training.learning_rate=0.01").training
    falling = [learning_rate(training, seen) for seen in (0, 10, 20, 30, 40)]
    assert falling == pytest.approx([0.01 * rate for rate in rates])


def test_beyond_the_end_the_learning_rate_is_not_negative(tiny: Tiny) -> None:
    assert learning_rate(tiny("training.schedule=linear").training, 41) == 0


def test_pixels_without_data_teach_nothing() -> None:
    config = small("training.batch=2")
    state = double_state(config)
    x, y = (torch.rand(2, 3, 32, 32, dtype=torch.float64) * 2 - 1 for _ in range(2))
    keys = noise_keys(0, torch.arange(2))
    holed = y.clone()
    holed[:, :, :20] = torch.nan
    logits = state.generator.logits(x, keys)
    g = state.generator.activate(logits).detach()
    losses = plain_step(state, x, holed, keys, config, fills=True)
    expected = (g - y).abs()[:, :, 20:].mean()
    assert losses["loss_l1"].item() == pytest.approx(expected.item())
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_a_crop_without_any_data_leaves_the_generator_as_it_was() -> None:
    config = small("objective.gan=0")
    state = double_state(config)
    before = [weight.clone() for weight in state.generator.parameters()]
    x, y = torch.rand(1, 3, 32, 32, dtype=torch.float64), torch.full((1, 3, 32, 32), torch.nan)
    losses = plain_step(state, x, y.double(), noise_keys(0, torch.arange(1)), config, fills=True)
    assert losses["loss_l1"] == 0
    for old, new in zip(before, state.generator.parameters(), strict=True):
        torch.testing.assert_close(old, new)
