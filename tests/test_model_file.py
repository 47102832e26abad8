import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from pix2pix import model_file
from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.model_file import (
    Header,
    ImageContract,
    Provenance,
    load_model,
    load_tensors,
    read_strings,
    save_model,
    save_tensors,
    versions,
)
from pix2pix.networks import Generator, build_generator
from pix2pix.pictures.contract import PictureContract

CPU = torch.device("cpu")


@pytest.fixture
def generator(tiny: Callable[..., Config]) -> Generator:
    return build_generator(tiny("model.width=1"))


@pytest.fixture
def header(tiny: Callable[..., Config]) -> Header:
    config = tiny("model.width=1")
    return Header(
        config=config,
        image=ImageContract(
            source=PictureContract(), target=PictureContract(), layout="side by side", half="left"
        ),
        mode="paper",
        provenance=Provenance(
            images_seen=40,
            pairs=4,
            data_digest="0123",
            scores={"val_l1": 0.1 + 0.2},
            versions=versions(),
            initialised_from="älter/model.safetensors",
        ),
    )


@pytest.fixture
def model(tmp_path: Path, generator: Generator, header: Header) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, generator, header)
    return path


def facts(path: Path) -> dict[str, object]:
    return json.loads(read_strings(path)["pix2pix"])


def tensor_bytes(path: Path) -> int:
    return sum(tensor.nbytes for tensor in load_tensors(path, CPU)[0].values())


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """What a full disk does to a writer: the first bytes go through, the others fail."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_model_comes_back_exactly(model: Path, generator: Generator, header: Header) -> None:
    loaded, found = load_model(model, CPU)
    assert found == header
    before, after = generator.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():  # with gradients a processor may take another kernel
        torch.testing.assert_close(loaded(x), generator(x))


def test_half_the_bits_take_half_the_file_and_translate_alike(
    model: Path, generator: Generator, header: Header
) -> None:
    half = model.with_name("half.safetensors")
    save_model(half, generator, header, half=True)
    assert facts(half)["format"] == 2
    assert tensor_bytes(half) < 0.6 * tensor_bytes(model)
    loaded, found = load_model(half, CPU)
    assert found == header
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(loaded(x), generator(x), rtol=0, atol=2 / 255)


def test_half_the_bits_keep_what_would_overflow(model: Path, generator: Generator, header: Header) -> None:
    large = {name: t.fill_(1e6) for name, t in generator.named_buffers() if name.endswith("running_var")}
    save_model(model, generator, header, half=True)
    after = dict(load_model(model, CPU)[0].named_buffers())
    for name, variance in large.items():
        torch.testing.assert_close(after[name], variance)


def test_a_loaded_model_is_not_for_training(model: Path) -> None:
    loaded, _ = load_model(model, CPU)
    assert not any(p.requires_grad for p in loaded.parameters())


def test_a_loaded_model_outlives_its_file(model: Path, generator: Generator) -> None:
    loaded, _ = load_model(model, CPU)
    with model.open("rb+") as opened:  # as `cp other.safetensors model.safetensors` does
        opened.write(bytes(model.stat().st_size))
    before, after = generator.state_dict(), loaded.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_same_model_makes_the_same_file(model: Path, generator: Generator, header: Header) -> None:
    again = model.with_name("again.safetensors")
    save_model(again, generator, header)
    assert again.read_bytes() == model.read_bytes()


def test_weights_in_another_layout_can_be_saved(model: Path, generator: Generator, header: Header) -> None:
    before = model.read_bytes()
    save_model(model, generator.to(memory_format=torch.channels_last), header)
    assert model.read_bytes() == before


def test_the_header_is_json_with_a_format(model: Path, header: Header) -> None:
    found = facts(model)
    assert found.pop("format") == 1  # so that older versions read it
    assert Header.model_validate(found) == header


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("full")])
def test_a_failed_save_keeps_the_old_file_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, model: Path, generator: Generator, header: Header, error: Exception
) -> None:
    def half_written(tensors: object, path: Path, about: object) -> None:
        Path(path).write_bytes(b"half")
        raise error

    before = model.read_bytes()
    monkeypatch.setattr(model_file, "save_file", half_written)
    with pytest.raises(UserError, match="Cannot write") as caught:
        save_model(model, generator, header)
    assert str(model) in str(caught.value)
    assert [path.name for path in model.parent.iterdir()] == [model.name]
    assert model.read_bytes() == before


def test_a_really_full_disk_keeps_the_old_file(model: Path, generator: Generator, header: Header) -> None:
    before = model.read_bytes()
    with files_limited_to(len(before) // 2), pytest.raises(UserError, match="Cannot write"):
        save_model(model, generator, header)
    assert [path.name for path in model.parent.iterdir()] == [model.name]
    assert model.read_bytes() == before


def test_tensors_that_share_memory_can_be_saved_as_views(tmp_path: Path) -> None:
    path, whole = tmp_path / "t.safetensors", torch.arange(6.0).reshape(2, 3)
    save_tensors(path, {"t": whole.T}, {})
    assert torch.equal(load_tensors(path, CPU)[0]["t"], whole.T)
