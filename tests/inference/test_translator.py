from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.derive.lab import LAB_RANGES, join_lab, split_lab
from pix2pix.derive.recipe import source_and_target
from pix2pix.errors import UserError
from pix2pix.inference.translator import Translator
from pix2pix.networks.modes import in_mode
from pix2pix.pictures import tensors
from pix2pix.pictures.codec import Array, to_pillow
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.pictures.geometry import pad
from tests.helpers import noise, write, write_model, write_text, write_truncated

SIZES = [(256, 256), (300, 500), (1000, 37), (37, 1000), (513, 511), (1, 1), (1, 70), (70, 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def translator(folder: Path) -> Translator:
    return Translator.load(write_model(folder / "rgb.safetensors"), "cpu")


@pytest.fixture(scope="module")
def learned_batches(folder: Path) -> Translator:
    """A model of batch norm over several pictures: its mode is `running`."""
    path = write_model(folder / "batches.safetensors", "training.batch=4")
    return Translator.load(path, "cpu")


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> Image.Image:
    return to_pillow(noise(height, width, channels, seed))


def tensor(height: int, width: int, seed: int = 0) -> Tensor:
    return tensors.to_tensor(noise(height, width, 3, seed), PictureContract())


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and np.array_equal(np.asarray(one), np.asarray(other))


# Sizes


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_an_output_has_the_size_of_its_source(translator: Translator, height: int, width: int) -> None:
    output = translator.translate(picture(height, width))
    assert (output.mode, output.size) == ("RGB", (width, height))


@pytest.mark.parametrize("mode", ["paper", "deterministic"])
def test_padding_is_what_the_generator_sees(translator: Translator, mode: Mode) -> None:
    source = tensor(33, 70)
    (output,) = translator.translate_tensors([source], mode=mode)
    (padded,) = translator.translate_tensors([pad(source, 32)], mode=mode)
    assert padded.shape == (3, 64, 96)
    torch.testing.assert_close(output, padded[:, :33, :70])


@given(height=st.integers(1, 70), width=st.integers(1, 70), multiple=st.sampled_from([1, 2, 8, 32]))
def test_padding_mirrors_on_the_right_and_at_the_bottom_only(height: int, width: int, multiple: int) -> None:
    source = tensor(height, width)
    padded = pad(source, multiple)
    _, H, W = padded.shape
    assert H % multiple == W % multiple == 0
    assert (H - height, W - width) < (multiple, multiple)
    expected = np.pad(
        source.numpy(), ((0, 0), (0, H - height), (0, W - width)), mode="symmetric"
    )  # numpy mirrors as often as needed too
    assert np.array_equal(padded.numpy(), expected)


# Alone and in company


@pytest.mark.parametrize("mode", ["paper", "deterministic"])
@pytest.mark.parametrize("batch", [3, 8])
def test_a_picture_is_translated_alike_alone_in_a_list_and_in_another_order(
    translator: Translator, mode: Mode, batch: int
) -> None:
    sources = [tensor(40 + n % 2 * 30, 50, seed=n) for n in range(8)]
    order = [5, 2, 7, 0, 3, 6, 1, 4]
    alone = [translator.translate_tensors([s], mode=mode, seed=3)[0] for s in sources]
    listed = translator.translate_tensors(sources, mode=mode, seed=3, batch=batch)
    mixed = translator.translate_tensors([sources[n] for n in order], mode=mode, seed=3, batch=batch)
    for n, place in enumerate(order):
        assert torch.allclose(mixed[n], alone[place], atol=1e-4)
    for one, other in zip(alone, listed, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    # The outputs are no flat grey in which all would be alike.
    assert min(t.std() for t in alone) > 0.05
    assert not torch.allclose(alone[0], alone[2], atol=0.05)


def test_running_statistics_do_not_depend_on_the_company_either(learned_batches: Translator) -> None:
    sources = [tensor(32, 32, seed=n) for n in range(4)]
    listed = learned_batches.translate_tensors(sources)
    for source, output in zip(sources, listed, strict=True):
        (alone,) = learned_batches.translate_tensors([source])
        assert torch.allclose(alone, output, atol=1e-4)


def test_threads_may_share_a_translator_in_different_modes(learned_batches: Translator) -> None:
    sources = [tensor(64, 64, seed=n) for n in range(6)]
    modes: tuple[Mode, ...] = ("paper", "running")
    alone = {mode: learned_batches.translate_tensors(sources, mode=mode) for mode in modes}
    assert not torch.allclose(alone["paper"][0], alone["running"][0], atol=0.05)

    def translate(number: int) -> tuple[Mode, Tensor]:
        mode = modes[number % 2]
        (output,) = learned_batches.translate_tensors([sources[number % 6]], mode=mode)
        return mode, output

    with ThreadPoolExecutor(4) as threads:
        outputs = list(threads.map(translate, range(60)))
    for number, (mode, output) in enumerate(outputs):
        assert torch.allclose(output, alone[mode][number % 6], atol=1e-4)


def test_a_list_gives_a_list_in_its_order(translator: Translator) -> None:
    sources = [picture(20 + n, 30 - n, seed=n) for n in range(5)]
    outputs = translator.translate(sources)
    assert [output.size for output in outputs] == [source.size for source in sources]
    assert same(translator.translate(sources[3:4])[0], outputs[3])
    assert translator.translate([]) == []


# Kinds of pictures


def test_a_picture_an_array_and_a_path_give_the_same(translator: Translator, tmp_path: Path) -> None:
    array = noise(33, 45)
    path = write(tmp_path / "a.png", array)
    expected = translator.translate(Image.fromarray(array))
    for given_as in (array, path, str(path)):
        assert same(translator.translate(given_as), expected)


def test_grey_and_alpha_are_made_into_what_the_model_takes(translator: Translator) -> None:
    grey = noise(16, 16, 1)
    expected = translator.translate(np.repeat(grey, 3, axis=2))
    assert same(translator.translate(grey), expected)
    assert same(translator.translate(grey[:, :, 0]), expected)
    rgb, alpha = np.repeat(grey, 3, axis=2), np.full_like(grey, 255)
    for opaque in (np.concatenate([rgb, alpha], 2), np.concatenate([grey, alpha], 2)):
        assert same(translator.translate(opaque), expected)
    white = translator.translate(np.full_like(rgb, 255))
    assert same(translator.translate(np.concatenate([rgb, 0 * alpha], 2)), white)


def test_16_bits_are_scaled_into_8_and_truth_is_black_and_white(translator: Translator) -> None:
    array = noise(16, 16)
    assert same(translator.translate(array.astype(np.uint16) * 257), translator.translate(array))
    mask = array > 127
    assert same(translator.translate(mask), translator.translate(mask * np.uint8(255)))


def test_the_array_that_was_given_is_not_changed(translator: Translator) -> None:
    array = noise(16, 16)
    translator.translate(array)
    assert np.array_equal(array, noise(16, 16))


@pytest.mark.parametrize(
    ("source", "target", "mode"), [(1, 3, "RGB"), (3, 1, "L"), (1, 1, "L"), (4, 4, "RGBA")]
)
def test_models_of_other_channels(folder: Path, source: int, target: int, mode: str) -> None:
    path = write_model(
        folder / f"{source}to{target}.safetensors",
        source=PictureContract(channels=source),
        target=PictureContract(channels=target),
    )
    translator = Translator.load(path, "cpu")
    # A fourth channel that a model learned from need not be transparency: it is not made up.
    for channels in (1, 3, 4) if source < 4 else (4,):
        output = translator.translate(picture(20, 35, channels))
        assert (output.mode, output.size) == (mode, (35, 20))


def test_an_encoder_decoder_translates_any_size_too(folder: Path) -> None:
    path = write_model(folder / "plain.safetensors", "model.generator=encoder_decoder")
    assert Translator.load(path, "cpu").translate(picture(65, 31)).size == (31, 65)


# Modes and noise


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(translator: Translator) -> None:
    source = picture(64, 64)
    first, again, other = (translator.translate(source, seed=s) for s in (7, 7, 8))
    assert same(first, again)
    assert not same(first, other)
    assert not same(translator.translate(source), other)


def test_noise_is_the_same_for_every_picture(translator: Translator) -> None:
    source = tensor(32, 32)
    first, second = translator.translate_tensors([source, source])
    assert torch.allclose(first, second, atol=1e-4)


def test_the_mode_is_the_models_own_unless_given(translator: Translator, learned_batches: Translator) -> None:
    source = picture(64, 64)
    assert same(translator.translate(source), translator.translate(source, mode="paper"))
    other = translator.translate(source, mode="deterministic")
    assert not same(translator.translate(source), other)
    assert same(other, translator.translate(source, mode="deterministic", seed=9))
    own = learned_batches.translate(source)
    assert same(own, learned_batches.translate(source, mode="running"))
    assert not same(own, learned_batches.translate(source, mode="deterministic"))


def test_running_is_refused_where_there_are_no_running_statistics(folder: Path) -> None:
    path = write_model(folder / "instance.safetensors", "model.norm=instance")
    translator = Translator.load(path, "cpu")
    with pytest.raises(UserError, match="'running' needs running statistics"):
        translator.translate(picture(32, 32), mode="running")


def test_variants_are_translations_by_noise_of_their_own(translator: Translator) -> None:
    source = picture(40, 50)
    result = translator.variants(source, 3, seed=5)
    first, second, third = map(to_pillow, result.pictures)
    assert same(first, translator.translate(source, seed=5))
    assert not same(first, second)
    assert not same(second, third)
    assert {array.shape for array in result.pictures} == {(40, 50, 3)}
    again = translator.variants(source, 3, seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(result.pictures, again.pictures, strict=True))


def test_the_spread_is_the_deviation_as_a_share_of_the_range(translator: Translator) -> None:
    result = translator.variants(picture(40, 50), 4)
    expected = np.stack(result.pictures).astype(np.float64).std(axis=0).mean(axis=2) / 255
    assert result.spread.shape == (40, 50)
    assert result.spread.dtype == np.float32
    assert result.spread.max() > 0.02
    assert abs(result.spread - expected).max() < 1e-5
    assert (translator.variants(picture(40, 50), 1).spread == 0).all()


def test_spreads_of_one_model_compare_whatever_range_its_translations_have(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dull translations that differ by 2 levels in 255 differ by as much as colourful ones."""
    for base in (0, 200):
        pair = [np.full((4, 5, 3), base + off, np.uint8) for off in (0, 4)]
        monkeypatch.setattr(translator, "translate_sources", lambda *_, pair=pair, **__: pair)
        assert translator.variants(noise(4, 5), 2).spread == pytest.approx(2 / 255)


@pytest.mark.parametrize("mode", ["deterministic", "running"])
def test_variants_need_noise(translator: Translator, mode: Mode) -> None:
    with pytest.raises(UserError, match=rf"'{mode}' has no noise, so all 4 samples would be equal"):
        translator.variants(picture(32, 32), 4, mode=mode)


# Kinds of targets, and sources made of photographs

WIDE = PictureContract(depth="uint16", high=65535)
KELVIN = PictureContract(channels=1, depth="float32", low=250, high=350)
CLASSES = tuple(LabelClass(name=f"c{c}", colour=(c, 255 - c, 7)) for c in (0, 90, 200, 255))
COLOURS = np.array([c.colour for c in CLASSES], np.uint8)
LABELS = PictureContract(classes=CLASSES, one_hot=True)


def load(folder: Path, *settings: str, **contracts: PictureContract) -> Translator:
    return Translator.load(write_model(folder / "other.safetensors", *settings, **contracts), "cpu")


def test_targets_of_16_bits_come_out_in_16_bits(tmp_path: Path) -> None:
    translator, source = load(tmp_path, target=WIDE), noise(20, 30)
    output = translator.translate(source)
    assert isinstance(output, np.ndarray)
    assert (output.dtype, output.shape) == (np.uint16, (20, 30, 3))
    # The same numbers as of a model of 8 bits, in finer steps.
    eight = np.asarray(load(tmp_path).translate(source))
    assert abs(output / 257 - eight).max() <= 0.51
    assert len(np.unique(output)) > 1.5 * len(np.unique(eight))


def test_targets_of_floats_come_out_in_their_range(tmp_path: Path) -> None:
    output = load(tmp_path, target=KELVIN).translate(noise(20, 30))
    assert isinstance(output, np.ndarray)
    assert (output.dtype, output.shape) == (np.float32, (20, 30, 1))
    assert 250 <= output.min() < output.max() <= 350


def test_sources_of_five_channels_give_targets_of_five(tmp_path: Path) -> None:
    five = PictureContract(channels=5)
    translator, source = load(tmp_path, source=five, target=five), noise(20, 30, 5)
    output = translator.translate(source)
    assert isinstance(output, np.ndarray)
    assert (output.dtype, output.shape) == (np.uint8, (20, 30, 5))
    np.save(tmp_path / "a.npy", source)
    assert np.array_equal(translator.translate(tmp_path / "a.npy"), output)


def test_one_hot_sources_are_read_by_their_colours(tmp_path: Path) -> None:
    translator, index = load(tmp_path, source=LABELS), noise(20, 30, 1) % 4
    source = COLOURS[index[:, :, 0]]
    assert translator.generator.source_channels == 4
    output = translator.translate(source)
    assert output.size == (30, 20)
    assert same(translator.translate(index), output)
    source[3, 4] = 1
    with pytest.raises(UserError, match="The picture has 1 pixels of 1 colours that the palette"):
        translator.translate(source)


def test_stray_colours_are_snapped_where_training_did(tmp_path: Path) -> None:
    translator = load(tmp_path, "data.snap_labels=true", source=LABELS)
    source = np.kron(COLOURS[[[0, 1], [2, 3]]], np.ones((8, 8, 1), np.uint8))
    stray = source + np.uint8([0, 0, 3])
    assert same(translator.translate(stray), translator.translate(source))


def test_one_hot_targets_come_out_in_the_colours_of_the_palette(tmp_path: Path) -> None:
    one_hot = ("data.target_labels=facades", "data.target_one_hot=true")
    translator = load(tmp_path, *one_hot, target=LABELS)
    (scores,) = translator.translate_tensors([tensor(20, 30)])
    output = np.asarray(translator.translate(noise(20, 30)))
    assert output.shape == (20, 30, 3)
    assert np.array_equal(output, COLOURS[scores.argmax(0)])
    assert len(np.unique(output.reshape(-1, 3), axis=0)) > 1


@pytest.mark.parametrize("recipe", ["gray", "edges"])
def test_sources_are_made_of_photographs_as_in_training(tmp_path: Path, recipe: str) -> None:
    contracts = {"source": PictureContract(channels=1), "photograph": PictureContract()}
    translator = load(tmp_path, f"data.make={recipe}", **contracts)
    photograph = noise(33, 40)
    source, _ = source_and_target(recipe, photograph, "a")
    expected = translator.translate(source)
    assert same(translator.translate(photograph, make=True), expected)
    assert same(translator.translate([photograph], make=True)[0], expected)
    assert np.array_equal(translator.variants(photograph, 1, make=True).pictures[0], expected)
    # Without --make a picture is a source: edges are not drawn from it.
    assert recipe == "gray" or not same(translator.translate(photograph), expected)


def test_a_model_that_makes_nothing_says_so(translator: Translator) -> None:
    with pytest.raises(UserError, match="it makes no sources") as caught:
        translator.translate(noise(8, 8), make=True)
    assert "without --make" in caught.value.hint


L, AB = (
    PictureContract(channels=c, depth="float32", low=low, high=high)
    for c, (low, high) in zip((1, 2), LAB_RANGES, strict=True)
)


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
def test_lab_joins_the_given_lightness_with_the_predicted_colours(
    tmp_path: Path, depth: str, made: bool
) -> None:
    # The floats of the photographs that training saw need not have reached from 0 to 1.
    low, high = {"uint8": (0, 255), "uint16": (0, 65535), "float32": (0.1, 0.9)}[depth]
    contract = PictureContract(depth=depth, low=low, high=high)
    translator = load(tmp_path, "data.make=lab", source=L, target=AB, photograph=contract)
    level = 1 if depth == "float32" else high
    photograph = (noise(20, 30) / 255 * level).astype(depth)
    output = np.asarray(translator.translate(photograph, make=made))
    assert (output.dtype, output.shape) == (depth, (20, 30, 3))

    lightness, _ = split_lab(photograph)
    (ab,) = translator.translate_tensors([tensors.to_tensor(lightness, L)])
    joined = join_lab(lightness, tensors.to_array(ab, AB))
    assert abs(output / level - joined).max() <= 0.5 / level + 1e-6
    assert output.max() > 0.9 * level


# What is refused


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((8, 8, 3), np.float32), "The picture holds float32"),
        (np.zeros((8, 8, 3), np.int64), "The picture holds float32"),
        (np.zeros((8, 8, 3), complex), "The array holds complex128"),
        (np.full((8, 8, 3), np.nan), "The picture holds values that are not finite"),
        (np.zeros((8, 8, 5), np.uint8), "The picture has 5 channels: wanted 3"),
        (np.zeros((3, 8, 8), np.uint8), "The picture has 8 channels: wanted 3"),
        (np.zeros((8, 8, 65), np.uint8), "The array has 65 channels: wanted up to 64"),
        (np.zeros((1, 8, 8, 3), np.uint8), "The array has shape (1, 8, 8, 3)"),
        (np.zeros(8, np.uint8), "The array has shape (8,)"),
        (np.zeros((), np.uint8), "The array has shape ()"),
        (np.zeros((0, 8, 3), np.uint8), "The array has shape (0, 8, 3)"),
        (np.zeros((8, 8, 0), np.uint8), "The array has shape (8, 8, 0)"),
    ],
    ids=lambda given: f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else "",
)
def test_an_array_of_another_kind_is_refused(translator: Translator, array: Array, message: str) -> None:
    with pytest.raises(UserError) as caught:
        translator.translate(array)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("other", [None, 5, b"bytes", torch.zeros(3, 8, 8), (1, 2)], ids=type)
def test_what_is_no_picture_is_refused(translator: Translator, other: object) -> None:
    with pytest.raises(UserError, match=f"A {type(other).__name__} was given: wanted a PIL image"):
        translator.translate(other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "There is no file"),
        (write_text, "is not a picture"),
        (write_truncated, "cannot be read"),
        (lambda path: path.mkdir() or path, "cannot be read"),
    ],
    ids=["missing", "text", "truncated", "folder"],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(
    translator: Translator, tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    path = make(tmp_path / "bad.jpg")
    for listed in (path, [path], [noise(8, 8), str(path)]):
        with pytest.raises(UserError) as caught:
            translator.translate(listed)
        assert str(path) in str(caught.value)
        assert message in str(caught.value)


def test_a_device_that_is_not_there_is_refused(folder: Path, translator: Translator) -> None:
    with pytest.raises(UserError, match="There is no device 'abacus' here"):
        Translator.load(folder / "rgb.safetensors", "abacus")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.txt is not a whole \.safetensors file"):
        Translator.load(write_text(tmp_path / "a.txt"), "cpu")


# Threads and batches


def test_seeds_and_samples_of_its_own_for_each_picture(translator: Translator) -> None:
    sources = [tensor(32, 32, seed=n) for n in range(3)]
    together = translator.translate_tensors(sources, seed=[5, 5, 2**32 - 1], sample=[0, 3, 1])
    alone = [
        translator.translate_tensors([source], seed=seed, sample=sample)[0]
        for source, seed, sample in zip(sources, [5, 5, 2**32 - 1], [0, 3, 1], strict=True)
    ]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_another_translator_shares_weights_but_not_the_mode(learned_batches: Translator) -> None:
    other, source = learned_batches.share(), tensor(32, 32)
    assert all(
        a is b for a, b in zip(*(t.generator.parameters() for t in (learned_batches, other)), strict=True)
    )
    (expected,) = learned_batches.translate_tensors([source], mode="running")
    with in_mode(learned_batches.generator, "deterministic"):
        (output,) = other.translate_tensors([source], mode="running")
    torch.testing.assert_close(output, expected)


def test_variants_share_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    translator = Translator.load(write_model(tmp_path / "model.safetensors"), "cpu")
    passes, batches = translator._passes, list[int]()

    def counted(source: Tensor, keys: Tensor | None, mode: Mode) -> Tensor:
        batches.append(len(source))
        return passes(source, keys, mode)

    monkeypatch.setattr(translator, "_passes", counted)
    translator.variants(noise(32, 32), 5, mode="paper")
    assert batches == [5]


NO_DATA = PictureContract(channels=1, depth="float32", low=0.0, high=1.0, suffix=".tif", fill=-9999.0)


@pytest.mark.parametrize("size", [None, "train"])
def test_what_has_no_data_has_none_after_translating(tmp_path: Path, size: str | None) -> None:
    translator = load(tmp_path, source=NO_DATA, target=NO_DATA)
    source = np.random.default_rng(0).random((40, 48, 1)).astype(np.float32)
    source[:10] = -9999
    source[10:20, :7] = np.nan
    output = np.asarray(translator.translate(source, size=size))
    gone = np.isnan(output[:, :, 0])
    assert gone[:8].all()
    assert not gone[22:].any()
    if size is None:
        assert np.array_equal(gone, (source[:, :, 0] == -9999) | np.isnan(source[:, :, 0]))
    other = source.copy()
    other[:10] = np.nan
    np.testing.assert_allclose(translator.translate(other, size=size), output)


def test_levels_without_data_come_back_as_they_were(tmp_path: Path) -> None:
    levels = PictureContract(fill=0.0)
    translator = load(tmp_path, source=levels, target=levels)
    source = noise(32, 32)
    source[:5] = 0
    output = np.asarray(translator.translate(source))
    assert (output[:5] == 0).all()
