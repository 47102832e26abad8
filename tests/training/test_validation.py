from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2pix.config import Config
from pix2pix.data.batches import in_order
from pix2pix.data.origins import find_data
from pix2pix.data.pairs import find_pairs
from pix2pix.data.reading import find_reading
from pix2pix.data.store import Store, open_store
from pix2pix.measures import measure
from pix2pix.networks import Generator, build_generator
from pix2pix.networks.modes import inference
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures import geometry, tensors
from pix2pix.pictures.contract import PictureContract
from pix2pix.training.validation import examples, preview, rounded, spread_out, translate_batch, validate
from tests.helpers import noise, open_pairs, pixels, write

CPU = torch.device("cpu")


@pytest.fixture
def generator(tiny: Callable[..., Config]) -> Generator:
    return build_generator(tiny())


@pytest.fixture
def store(pairs: Path) -> Store:
    """Eleven pairs: one full batch of validation and a smaller one."""
    return open_pairs(find_pairs([pairs], "left").splits["train"][:11])


def test_scores_are_means_over_pictures_and_not_over_batches(generator: Generator, store: Store) -> None:
    alone = [
        measure(translate_batch(generator, batch, "paper"), batch.target) for batch in in_order(store, 1)
    ]
    scores = validate(generator, store, "paper", CPU)
    assert set(scores) == {"val_l1", "val_psnr_db", "val_ssim"}
    for name, value in scores.items():
        mean = np.mean([float(single[name.removeprefix("val_")]) for single in alone])
        assert value == pytest.approx(mean, rel=1e-4)


def test_validation_uses_the_noise_of_translation(generator: Generator, store: Store) -> None:
    batch = next(in_order(store, 3))
    with torch.no_grad(), inference(generator, "paper"):
        expected = generator(batch.source, noise_keys(0, torch.zeros(3, dtype=torch.int64)))
    torch.testing.assert_close(translate_batch(generator, batch, "paper"), expected)


def test_validation_changes_nothing_that_training_uses(generator: Generator, store: Store) -> None:
    before = {name: t.clone() for name, t in generator.state_dict().items()}
    random = torch.get_rng_state()
    for mode in ("paper", "deterministic", "running"):
        validate(generator, store, mode, CPU)
        preview(generator, store, mode, CPU)
    assert all(torch.equal(t, before[name]) for name, t in generator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(p.grad is None and p.requires_grad for p in generator.parameters())


def test_a_preview_shows_source_output_and_target(generator: Generator, store: Store) -> None:
    batch = next(in_order(store, 4))
    output = tensors.to_array(translate_batch(generator, batch, "paper"), PictureContract())
    rows = [(store.sources[i], output[i], store.targets[i]) for i in range(4)]
    expected = geometry.grid(rows, ("source", "output", "target"))
    assert np.array_equal(preview(generator, store, "paper", CPU), np.asarray(expected))


@given(st.integers(1, 500), st.integers(1, 500))
def test_chosen_indexes_are_spread_evenly(length: int, count: int) -> None:
    chosen = spread_out(range(length), count)
    assert len(chosen) == min(count, length)
    assert chosen[0] == 0
    steps = np.diff([*chosen, length])
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1


def test_scores_are_written_with_six_digits() -> None:
    assert rounded({"a": 12.3456789, "b": 0.000123456789}) == {"a": 12.3457, "b": 0.000123457}


def test_examples_are_pairs_as_a_user_hands_them_in(store: Store) -> None:
    shown = list(examples(store))
    assert len(shown) == len(store)
    for i, (source, target) in enumerate(shown):
        assert np.array_equal(source, store.sources[i])
        assert np.array_equal(target, store.targets[i])


def test_a_photograph_is_handed_in_where_lightness_is_taken_from_it(tmp_path: Path) -> None:
    photographs = [write(tmp_path / f"{n}.png", noise(32, 32, seed=n)) for n in range(2)]
    config = Config.load(None, ["data.make=lab", "data.size_px=32"])
    pairs = find_data([tmp_path], config.data).splits["train"]
    lab = open_store(pairs, (32, 32), find_reading(pairs, config))
    for (source, target), path in zip(examples(lab), photographs, strict=False):
        assert np.abs(source.astype(int) - pixels(path)).max() <= 1
        assert np.array_equal(source, target)


def test_what_8_bits_cannot_say_is_no_example(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / "source" / f"{number}.tif", noise(32, 32, 5))
        write(tmp_path / "target" / f"{number}.png")
    config = Config()
    pairs = find_data([tmp_path], config.data).splits["train"]
    assert not list(examples(open_store(pairs, (32, 32), find_reading(pairs, config))))
