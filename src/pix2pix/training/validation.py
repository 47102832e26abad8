"""Scores and previews while training, in the inference mode in which the model will be used."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.data.batches import Batch, in_order, whole
from pix2pix.data.reading import Reading
from pix2pix.data.store import Store
from pix2pix.measures import PERCEPTUAL, SET_MEASURES, measure
from pix2pix.measures.segmentation import confusion, iou_by_class, to_classes
from pix2pix.measures.segmentation import scores as scores_of_classes
from pix2pix.networks import Generator
from pix2pix.networks.modes import in_mode, uses_noise
from pix2pix.networks.noise import noise_keys
from pix2pix.pairs.pair_set import evenly_spread
from pix2pix.pictures import codec, geometry, tensors
from pix2pix.training.collapse import SPREAD
from pix2pix.training.selection import FeatureScores, RealFeatures

PREVIEWS = 4
BATCH = 8
_EXAMPLES = 12
_DIFFERING = 1e-3  # mean deviation of targets that are not all the same


@torch.no_grad()
def translate_batch(generator: Generator, batch: Batch, mode: Mode) -> torch.Tensor:
    """Return the outputs (B, C, H, W) for a batch, by the noise that translation uses."""
    keys = noise_keys(0, torch.zeros_like(batch.positions)) if uses_noise(mode) else None
    with in_mode(generator, mode):
        output: torch.Tensor = generator(batch.source, keys)
    return output


def validate(
    generator: Generator,
    store: Store,
    mode: Mode,
    device: torch.device,
    by_features: FeatureScores | None = None,
    real: RealFeatures | None = None,
) -> dict[str, float]:
    """Return the mean of each measure over a store, as `val_<name>`; of label maps the scores by classes.

    Features of the targets are computed only if `real` does not know them, and are kept there.
    """
    scores = _Scores(store.reading, by_features or FeatureScores(), real or RealFeatures(), device)
    for batch in in_order(store, BATCH):
        batch = batch.to(device)
        scores.add(batch, translate_batch(generator, batch, mode))
    return {f"val_{name}": value for name, value in scores.result(len(store)).items()}


class _Scores:
    """What is measured of a store, batch by batch."""

    def __init__(
        self, reading: Reading, by_features: FeatureScores, real: RealFeatures, device: torch.device
    ) -> None:
        self.reading, self.by_features, self.real_features = reading, by_features, real
        self.sums: dict[str, float] = {}
        self.fake: list[Tensor] = []  # features
        self.real: list[Tensor] = []
        count = len(reading.target.classes)
        self.confusion = torch.zeros(count, count, dtype=torch.int64, device=device)

    def add(self, batch: Batch, output: Tensor) -> None:
        """Measure the outputs (B, C, H, W) of a batch."""
        target = self.reading.target
        # Distances of probabilities say little: one-hot targets are scored by their classes alone.
        scores = {} if target.one_hot else measure(output, batch.target)
        if self.by_features.names:
            scores |= self._by_features(batch, output)
        if target.classes:
            classes = to_classes(output, target), to_classes(batch.target, target)
            self.confusion += confusion(*classes, len(target.classes))
        for name, values in scores.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(values.sum())

    def _by_features(self, batch: Batch, output: Tensor) -> dict[str, Tensor]:
        names, network = self.by_features.names, self.by_features.network
        fake, real = (
            self.reading.as_seen(batch.source, half, batch.target) for half in (output, batch.target)
        )
        if network:
            self.fake.append(network.extract(fake).cpu())
            if self.real_features.known is None:
                self.real.append(network.extract(real).cpu())
        return {name: measure_of(fake, real) for name, measure_of in PERCEPTUAL.items() if name in names}

    def result(self, pictures: int) -> dict[str, float]:
        """Return the scores by name."""
        scores = {name: total / pictures for name, total in self.sums.items()}
        if self.fake:
            if self.real_features.known is None:
                self.real_features.known = torch.cat(self.real)
            real, fake = self.real_features.known, torch.cat(self.fake)
            names = self.by_features.names
            scores |= {name: of(real, fake) for name, of in SET_MEASURES.items() if name in names}
        if classes := self.reading.target.classes:
            matrix = self.confusion.cpu()  # not every device has float64
            scores |= scores_of_classes(matrix)
            scores |= dict(zip((f"iou/{c.name}" for c in classes), iou_by_class(matrix), strict=True))
        return scores


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


def output_spread(generator: Generator, store: Store, mode: Mode, device: torch.device) -> dict[str, float]:
    """Return how far the outputs of the store's first pairs differ, as a share of how far targets do.

    Near 0 all outputs are alike. Nothing is returned where the targets do not differ either.
    """
    batch = next(in_order(store, BATCH)).to(device)
    if len(batch.positions) < 2:
        return {}
    outputs, targets = (
        float(pictures.nan_to_num().std(0).mean())
        for pictures in (translate_batch(generator, batch, mode), batch.target)
    )
    return {SPREAD: outputs / targets} if targets > _DIFFERING else {}


def examples(store: Store) -> Iterator[tuple[codec.Array, codec.Array]]:
    """Yield a few pairs as (H, W, 3) uint8: what a user would hand in, and the target.

    None where 8 bits of grey or RGB cannot hold a source.
    """
    reading = store.reading
    contract = reading.photograph if reading.config.make == "lab" else reading.source
    if contract is None or contract.depth == "float32" or contract.channels not in (1, 3):
        return
    batch = whole(store, evenly_spread(range(len(store.names)), _EXAMPLES))
    sources = tensors.to_array(batch.source, reading.source)
    for source, target in zip(sources, tensors.to_array(batch.target, reading.target), strict=True):
        source_view, target_view = reading.view(source, target)
        # Lightness is taken from the photograph, which is also what the target shows.
        yield (target_view if reading.config.make == "lab" else source_view), target_view


def rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores as they are written: six digits are plenty, and JSON knows no infinity."""
    return {name: float(f"{value:.6g}") for name, value in scores.items() if math.isfinite(value)}
