import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pix2pix import model_file
from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.model_file import (
    FORMAT,
    Header,
    ImageContract,
    Provenance,
    load_model,
    load_tensors,
    read_header,
    save_model,
    save_tensors,
    versions,
)
from pix2pix.networks import Generator, build_generator
from pix2pix.pictures.contract import PictureContract
from tests.helpers import write_model

CPU = torch.device("cpu")
# Each example writes its file anew, so sharing the folder does no harm.
shares_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


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


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_model(path, CPU)
    assert str(path) in str(caught.value)
    return str(caught.value)


def assert_loads_or_is_refused(path: Path) -> None:
    message = str(path)
    try:
        load_model(path, CPU)
    except UserError as error:
        message = str(error)
    assert str(path) in message


def facts(path: Path) -> dict[str, object]:
    with safe_open(path, "pt") as opened:
        return json.loads(opened.metadata()["pix2pix"])


def tensor_bytes(path: Path) -> int:
    return sum(tensor.nbytes for tensor in load_tensors(path, CPU)[0].values())


def with_facts(path: Path, changed: object) -> Path:
    """Write the model with another JSON header, in the same folder."""
    with safe_open(path, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    other = path.with_name("changed.safetensors")
    save_file(tensors, other, {"pix2pix": json.dumps(changed)})
    return other


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


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "missing.safetensors")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"weights, honestly\n", b"\x80\x04\x95pickle", b"{}"])
def test_a_file_of_something_else_is_refused_with_its_size(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert f"({len(content)} bytes)" in refusal(path)


def test_foreign_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    for about in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(2)}, path, about)
        assert "not a pix2pix model" in refusal(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_not_finite_are_refused(
    model: Path, generator: Generator, header: Header, value: float
) -> None:
    list(generator.parameters())[2].data[0, 0, 3, 1] = value
    save_model(model, generator, header)
    assert "not finite" in refusal(model)


def test_a_newer_format_is_refused_by_number(model: Path) -> None:
    newer = with_facts(model, {"format": FORMAT + 1, "provenance": ["all", "new"]})
    message = refusal(newer)
    assert f"model format {FORMAT + 1}" in message
    assert f"up to {FORMAT}" in message
    assert "Upgrade" in message


@pytest.mark.parametrize("changed", [{}, [], "text", None, 3, {"format": "one"}, {"format": FORMAT}])
def test_a_header_of_another_shape_is_refused(model: Path, changed: object) -> None:
    assert "is damaged" in refusal(with_facts(model, changed))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("model", "width", 2),
        ("model", "width", 10**12),
        ("model", "width", 10**30),
        ("model", "source_channels", 1),
        ("model", "target_channels", 0),
        ("model", "norm", "instance"),
        ("data", "size_px", 64),
        ("objective", "l1", "much"),
        ("model", "discriminator_px", 286),
    ],
)
def test_a_header_of_another_network_is_refused(model: Path, section: str, key: str, value: object) -> None:
    found = facts(model)
    found["config"][section][key] = value
    assert "is damaged" in refusal(with_facts(model, found))


def test_an_unknown_generator_is_refused_by_name(model: Path) -> None:
    header = facts(model)
    header["config"]["model"]["generator"] = "transformer"
    assert "changed.safetensors: There is no generator 'transformer'" in refusal(with_facts(model, header))


def test_a_contract_of_other_channels_than_the_network_is_refused(model: Path) -> None:
    found = facts(model)
    found["image"]["source"]["channels"] = 4
    assert "networks of (3, 3) channels, pictures of (4, 3)" in refusal(with_facts(model, found))


def test_weights_of_another_type_are_refused(model: Path, generator: Generator, header: Header) -> None:
    about = json.dumps({"format": FORMAT, **header.model_dump(mode="json")})
    for changed in ("encoder.0.conv.weight", "encoder.1.norm.running_mean"):
        tensors = generator.state_dict()
        tensors[changed] = tensors[changed].to(torch.int32)
        save_file(tensors, model, {"pix2pix": about})
        assert "int32" in refusal(model)


def test_weights_of_torch_are_answered_by_the_command_that_imports_them(tmp_path: Path) -> None:
    file = tmp_path / "facades" / "latest_net_G.pth"
    file.parent.mkdir()
    torch.save({}, file)
    for path in (file, file.parent):
        assert f"pix2pix import {file} -o" in refusal(path)


@given(st.floats(0, 1, exclude_max=True))
@shares_a_folder
def test_a_file_cut_anywhere_is_refused(model: Path, share: float) -> None:
    whole = model.read_bytes()
    cut = model.with_name("cut.safetensors")
    cut.write_bytes(whole[: int(share * len(whole))])
    assert "not a whole .safetensors" in refusal(cut)


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1))
@shares_a_folder
def test_a_header_with_changed_bytes_loads_or_is_refused(
    model: Path, changes: list[tuple[float, int]]
) -> None:
    content = bytearray(model.read_bytes())
    length = 8 + int.from_bytes(content[:8], "little")
    for share, byte in changes:
        content[int(share * length)] = byte
    changed = model.with_name("changed.safetensors")
    changed.write_bytes(content)
    assert_loads_or_is_refused(changed)


@given(st.data())
@shares_a_folder
def test_a_header_with_changed_json_loads_or_is_refused(model: Path, data: st.DataObject) -> None:
    """As above, but behind the checks of the container: only the package's own JSON changes."""
    text = json.dumps(facts(model))
    place = data.draw(st.integers(0, len(text) - 1))
    text = text[:place] + data.draw(st.sampled_from('0"{}[]:,-.e x')) + text[place + 1 :]
    with safe_open(model, "pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    changed = model.with_name("changed.safetensors")
    save_file(tensors, changed, {"pix2pix": text})
    assert_loads_or_is_refused(changed)


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
    with safe_open(path, "pt") as opened:
        assert torch.equal(opened.get_tensor("t"), whole.T)


def test_a_folder_of_runs_lists_them(tmp_path: Path) -> None:
    for name in ("maps", "eyes"):
        write_model(tmp_path / "runs" / name / "model.safetensors")
    with pytest.raises(UserError, match=r"runs is a folder: wanted a model\.safetensors") as caught:
        read_header(tmp_path / "runs")
    assert f"Runs in it: {tmp_path}/runs/eyes, {tmp_path}/runs/maps." in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": Infinity}', '{"format": ' + "9" * 5_000 + "}"])
def test_metadata_that_python_cannot_hold_is_refused(model: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "hostile.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"pix2pix": text})
    assert f"{path} is damaged" in refusal(path)
