from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.config import Config
from pix2pix.data.batches import in_order
from pix2pix.data.origins import find_data
from pix2pix.data.reading import find_reading
from pix2pix.data.store import Store, open_store
from pix2pix.measures import PERCEPTUAL, measure
from pix2pix.networks import Generator, build_generator
from pix2pix.networks.modes import in_mode
from pix2pix.networks.noise import noise_keys
from pix2pix.pairs.find import find_pairs
from pix2pix.pictures import geometry, tensors
from pix2pix.pictures.contract import PictureContract
from pix2pix.training.selection import FeatureScores
from pix2pix.training.validation import examples, preview, rounded, translate_batch, validate
from tests.helpers import noise, open_pairs, pixels, write, write_text

Tiny = Callable[..., Config]
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


def label_maps(folder: Path, one_hot: bool) -> Store:
    """Five pairs of noise and maps of two classes; one-hot ones have ignored pixels too."""
    classes = "".join(f'[[class]]\nname = "{n}"\ncolour = "#0000{n}"\n' for n in ("10", "f0"))
    palette = write_text(folder / "two.toml", classes + "[ignore]\nindex = 255\n" * one_hot)
    random = np.random.default_rng(0)
    for number in range(5):
        write(folder / "source" / f"{number}.png", noise(32, 32, seed=number))
        index = random.choice([0, 1, 255] if one_hot else [0, 1], (32, 32, 1)).astype(np.uint8)
        write(folder / "target" / f"{number}.png", index)
    config = Config.load(
        None, [f"data.target_labels={palette}", f"data.target_one_hot={str(one_hot).lower()}"]
    )
    found = find_pairs([folder], "left").splits["train"]
    return open_store(found, (32, 32), find_reading(found, config))


def test_one_hot_targets_are_scored_by_classes_without_ignored_pixels(tmp_path: Path, tiny: Tiny) -> None:
    store = label_maps(tmp_path, one_hot=True)
    generator = build_generator(tiny("data.target_one_hot=true").with_channels(3, 2))
    scores = validate(generator, store, "paper", CPU)
    matrix = np.zeros((2, 2))
    for batch in in_order(store, 8):
        predicted = translate_batch(generator, batch, "paper").argmax(1).numpy()
        np.add.at(
            matrix,
            (store.targets[:][..., 0][store.targets[:][..., 0] < 2], predicted[store.targets[:][..., 0] < 2]),
            1,
        )
    right, union = matrix.diagonal(), matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    assert scores == pytest.approx(
        {
            "val_pixel_accuracy": right.sum() / (store.targets[:] < 2).sum(),
            "val_class_accuracy": (right / matrix.sum(1)).mean(),
            "val_class_iou": (right / union).mean(),
            "val_iou/10": right[0] / union[0],
            "val_iou/f0": right[1] / union[1],
        }
    )


def test_label_maps_in_colours_are_scored_by_the_nearest_and_as_pictures(tmp_path: Path, tiny: Tiny) -> None:
    store = label_maps(tmp_path, one_hot=False)
    generator = build_generator(tiny().with_channels(3, 3))
    scores = validate(generator, store, "paper", CPU)
    right = 0
    for batch in in_order(store, 8):
        outputs = tensors.to_array(translate_batch(generator, batch, "paper"), PictureContract()).astype(int)
        nearest = np.abs(outputs[..., None, :] - [[0, 0, 0x10], [0, 0, 0xF0]]).sum(-1).argmin(-1)
        right += (nearest == (store.targets[:][..., 2] == 0xF0)).sum()
    assert scores["val_pixel_accuracy"] == pytest.approx(right / store.targets[:][..., 0].size, abs=0.01)
    assert {"val_l1", "val_iou/10"} < scores.keys()


def test_measures_by_features_see_the_colours_of_pictures_in_lab(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    monkeypatch.setitem(PERCEPTUAL, "st_lpips", lambda fake, real: seen.append(real) or real.mean((1, 2, 3)))
    photographs = [write(tmp_path / f"{n}.png", noise(32, 32, seed=n)) for n in range(2)]
    config = tiny("data.make=lab")
    found = find_data([tmp_path], config.data).splits["train"]
    store = open_store(found, (32, 32), find_reading(found, config))
    requested = FeatureScores(frozenset({"st_lpips"}))
    scores = validate(build_generator(config.with_channels(1, 2)), store, "paper", CPU, requested)
    expected = torch.stack([tensors.to_tensor(pixels(path), PictureContract()) for path in photographs])
    torch.testing.assert_close(seen[0], expected[[0, 1]], rtol=0, atol=4 / 255)
    assert scores["val_st_lpips"] == pytest.approx(float(seen[0].mean()))


def test_validation_uses_the_noise_of_translation(generator: Generator, store: Store) -> None:
    batch = next(in_order(store, 3))
    with torch.no_grad(), in_mode(generator, "paper"):
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
