"""Scores and previews while training, in the inference mode in which the model will be used."""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch

from pix2pix.config import Mode
from pix2pix.data.batches import Batch, in_order, whole
from pix2pix.data.store import Store
from pix2pix.measures import measure
from pix2pix.networks import Generator
from pix2pix.networks.modes import inference, uses_noise
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures import codec, geometry, tensors

PREVIEWS = 4
BATCH = 8
_EXAMPLES = 12


@torch.no_grad()
def translate_batch(generator: Generator, batch: Batch, mode: Mode) -> torch.Tensor:
    """Return the outputs (B, C, H, W) for a batch, by the noise that translation uses."""
    keys = noise_keys(0, torch.zeros_like(batch.positions)) if uses_noise(mode) else None
    with inference(generator, mode):
        output: torch.Tensor = generator(batch.source, keys)
    return output


def validate(generator: Generator, store: Store, mode: Mode, device: torch.device) -> dict[str, float]:
    """Return the mean of each measure over a store, as `val_<name>`."""
    sums: dict[str, float] = {}
    for batch in in_order(store, BATCH):
        batch = batch.to(device)
        scores = measure(translate_batch(generator, batch, mode), batch.target)
        for name, values in scores.items():
            sums[name] = sums.get(name, 0.0) + float(values.sum())
    return {f"val_{name}": total / len(store) for name, total in sums.items()}


def preview(generator: Generator, store: Store, mode: Mode, device: torch.device) -> codec.Array:
    """Show source, output and target of the store's first pictures, one row each."""
    batch = next(in_order(store, PREVIEWS)).to(device)
    output = translate_batch(generator, batch, mode)
    reading = store.reading
    sources = tensors.to_array(batch.source, reading.source)
    outputs, targets = (tensors.to_array(t, reading.target) for t in (output, batch.target))
    rows = [
        [*reading.view(s, o), reading.view(s, t)[1]]
        for s, o, t in zip(sources, outputs, targets, strict=True)
    ]
    return codec.from_pillow(geometry.grid(rows, ("source", "output", "target")))


def examples(store: Store) -> Iterator[tuple[codec.Array, codec.Array]]:
    """Yield a few pairs as (H, W, 3) uint8: what a user would hand in, and the target.

    None where 8 bits of grey or RGB cannot hold a source.
    """
    reading = store.reading
    contract = reading.photograph if reading.config.make == "lab" else reading.source
    if contract is None or contract.depth == "float32" or contract.channels not in (1, 3):
        return
    batch = whole(store, spread_out(store.names, _EXAMPLES))
    sources = tensors.to_array(batch.source, reading.source)
    for source, target in zip(sources, tensors.to_array(batch.target, reading.target), strict=True):
        source_view, target_view = reading.view(source, target)
        # Lightness is taken from the photograph, which is also what the target shows.
        yield (target_view if reading.config.make == "lab" else source_view), target_view


def spread_out(items: Sequence[object], count: int) -> list[int]:
    """Return `count` indexes spread evenly over a sequence, or all where it is shorter."""
    count = min(count, len(items))
    return [i * len(items) // count for i in range(count)]


def rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores as they are written: six digits are plenty, and JSON knows no infinity."""
    return {name: float(f"{value:.6g}") for name, value in scores.items() if math.isfinite(value)}
