from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from pix2pix import images
from pix2pix.config import Mode
from pix2pix.errors import UserError
from pix2pix.translator import Translator, pad
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
    return images.from_array(noise(height, width, channels, seed))


def tensor(height: int, width: int, seed: int = 0) -> Tensor:
    return images.to_tensor(noise(height, width, 3, seed))


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and np.array_equal(np.asarray(one), np.asarray(other))


# Sizes


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_an_output_has_the_size_of_its_source(
    translator: Translator, height: int, width: int
) -> None:
    output = translator.translate(picture(height, width))
    assert (output.mode, output.size) == ("RGB", (width, height))


@pytest.mark.parametrize("mode", ["paper", "deterministic"])
def test_padding_is_what_the_generator_sees(translator: Translator, mode: Mode) -> None:
    source = tensor(33, 70)
    (output,) = translator.translate_tensors([source], mode=mode)
    (padded,) = translator.translate_tensors([pad(source, 32)], mode=mode)
    assert padded.shape == (3, 64, 96)
    assert torch.equal(output, padded[:, :33, :70])


@given(height=st.integers(1, 70), width=st.integers(1, 70), multiple=st.sampled_from([1, 2, 8, 32]))
def test_padding_mirrors_on_the_right_and_at_the_bottom_only(
    height: int, width: int, multiple: int
) -> None:
    source = tensor(height, width)
    padded = pad(source, multiple)
    _, H, W = padded.shape
    assert H % multiple == W % multiple == 0
    assert (H - height, W - width) < (multiple, multiple)
    wanted = np.pad(
        source.numpy(), ((0, 0), (0, H - height), (0, W - width)), mode="symmetric"
    )  # numpy mirrors as often as needed too
    assert np.array_equal(padded.numpy(), wanted)


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
    mixed = translator.translate_tensors(
        [sources[n] for n in order], mode=mode, seed=3, batch=batch
    )
    for n, place in enumerate(order):
        assert torch.allclose(mixed[n], alone[place], atol=1e-4)
    for one, other in zip(alone, listed, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    # The outputs are no flat grey in which all would be alike.
    assert min(t.std() for t in alone) > 0.05
    assert not torch.allclose(alone[0], alone[2], atol=0.05)


def test_running_statistics_do_not_depend_on_the_company_either(
    learned_batches: Translator,
) -> None:
    sources = [tensor(32, 32, seed=n) for n in range(4)]
    listed = learned_batches.translate_tensors(sources)
    for source, output in zip(sources, listed, strict=True):
        (alone,) = learned_batches.translate_tensors([source])
        assert torch.allclose(alone, output, atol=1e-4)


def test_a_list_gives_a_list_in_its_order(translator: Translator) -> None:
    sources = [picture(20 + n, 30 - n, seed=n) for n in range(5)]
    outputs = translator.translate(sources)
    assert [output.size for output in outputs] == [source.size for source in sources]
    assert same(translator.translate(sources[3:4])[0], outputs[3])
    assert translator.translate([]) == []


# Kinds of pictures


def test_a_picture_an_array_and_a_path_give_the_same(
    translator: Translator, tmp_path: Path
) -> None:
    array = noise(33, 45)
    path = write(tmp_path / "a.png", array)
    wanted = translator.translate(Image.fromarray(array))
    for given_as in (array, path, str(path)):
        assert same(translator.translate(given_as), wanted)


def test_grey_and_alpha_are_made_into_what_the_model_takes(translator: Translator) -> None:
    grey = noise(16, 16, 1)
    wanted = translator.translate(np.repeat(grey, 3, axis=2))
    assert same(translator.translate(grey), wanted)
    assert same(translator.translate(grey[:, :, 0]), wanted)
    opaque = np.concatenate([np.repeat(grey, 3, axis=2), np.full_like(grey, 9)], axis=2)
    assert same(translator.translate(opaque), wanted)


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
        f"model.source_channels={source}",
        f"model.target_channels={target}",
    )
    translator = Translator.load(path, "cpu")
    for channels in (1, 3, 4):
        output = translator.translate(picture(20, 35, channels))
        assert (output.mode, output.size) == (mode, (35, 20))


def test_an_encoder_decoder_translates_any_size_too(folder: Path) -> None:
    path = write_model(folder / "plain.safetensors", "model.generator=encoder_decoder")
    assert Translator.load(path, "cpu").translate(picture(65, 31)).size == (31, 65)


# Modes and noise


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(
    translator: Translator,
) -> None:
    source = picture(64, 64)
    first, again, other = (translator.translate(source, seed=s) for s in (7, 7, 8))
    assert same(first, again)
    assert not same(first, other)
    assert not same(translator.translate(source), other)


def test_noise_is_the_same_for_every_picture(translator: Translator) -> None:
    source = tensor(32, 32)
    first, second = translator.translate_tensors([source, source])
    assert torch.allclose(first, second, atol=1e-4)


def test_the_mode_is_the_models_own_unless_given(
    translator: Translator, learned_batches: Translator
) -> None:
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
    first, second, third = result.images
    assert same(first, translator.translate(source, seed=5))
    assert not same(first, second)
    assert not same(second, third)
    assert {image.size for image in result.images} == {(50, 40)}
    again = translator.variants(source, 3, seed=5)
    assert all(same(a, b) for a, b in zip(result.images, again.images, strict=True))


def test_the_spread_is_the_deviation_in_levels(translator: Translator) -> None:
    result = translator.variants(picture(40, 50), 4)
    stack = np.stack([np.asarray(image, np.float64) for image in result.images])
    wanted = stack.std(axis=0).mean(axis=2)
    assert result.spread.shape == (40, 50)
    assert result.spread.dtype == np.float32
    assert result.spread.max() > 5
    assert abs(result.spread - wanted).max() < 1  # the images are rounded to levels
    assert (translator.variants(picture(40, 50), 1).spread == 0).all()


@pytest.mark.parametrize("mode", ["deterministic", "running"])
def test_variants_need_noise(translator: Translator, mode: Mode) -> None:
    with pytest.raises(UserError, match=rf"'{mode}' has no noise, so all 4 samples would be equal"):
        translator.variants(picture(32, 32), 4, mode=mode)


# What is refused


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint16),
        np.zeros((8, 8, 3), bool),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((8, 8, 5), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((1, 8, 8, 3), np.uint8),
        np.zeros(8, np.uint8),
        np.zeros((), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 8, 0), np.uint8),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_an_array_of_another_kind_is_refused(translator: Translator, array: np.ndarray) -> None:
    with pytest.raises(UserError) as caught:
        translator.translate(array)
    assert str(caught.value).startswith(f"An array of {array.dtype} and shape {array.shape}")


@pytest.mark.parametrize("other", [None, 5, b"bytes", torch.zeros(3, 8, 8), (1, 2)], ids=type)
def test_what_is_no_picture_is_refused(translator: Translator, other: object) -> None:
    with pytest.raises(UserError, match=f"A {type(other).__name__} was given: wanted a PIL image"):
        translator.translate(other)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path, "There is no file"),
        (write_text, "is not a picture"),
        (write_truncated, "cannot be read"),
        (lambda path: path.mkdir() or path, "cannot be read"),
    ],
    ids=["missing", "text", "truncated", "folder"],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(
    translator: Translator, tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    path = make(tmp_path / "bad.jpg")
    for listed in (path, [path], [noise(8, 8), str(path)]):
        with pytest.raises(UserError) as caught:
            translator.translate(listed)
        assert str(path) in str(caught.value)
        assert said in str(caught.value)


def test_a_device_that_is_not_there_is_refused(folder: Path, translator: Translator) -> None:
    with pytest.raises(UserError, match="There is no device 'abacus' here"):
        Translator.load(folder / "rgb.safetensors", "abacus")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.txt is not a whole \.safetensors file"):
        Translator.load(write_text(tmp_path / "a.txt"), "cpu")
