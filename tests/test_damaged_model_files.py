"""Model files that are cut short, changed or of another kind: each is refused with its path."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from pix2pix.errors import UserError
from pix2pix.model_file import FORMAT, load_model, load_tensors, read_header, read_strings
from tests.helpers import write_model

CPU = torch.device("cpu")
# Each example writes its file anew, so sharing the folder does no harm.
shares_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.safetensors", "model.width=1")


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
    return json.loads(read_strings(path)["pix2pix"])


def with_facts(path: Path, changed: object) -> Path:
    """Write the model with another JSON header, in the same folder."""
    return with_text(path, json.dumps(changed))


def with_text(path: Path, text: str) -> Path:
    """Write the model with another header, which need not be JSON, in the same folder."""
    other = path.with_name("changed.safetensors")
    save_file(load_tensors(path, CPU)[0], other, {"pix2pix": text})
    return other


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
def test_weights_that_are_not_finite_are_refused(model: Path, value: float) -> None:
    tensors, about = load_tensors(model, CPU)
    tensors["encoder.1.conv.weight"][0, 0, 3, 1] = value
    save_file(tensors, model, about)
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


def test_weights_of_another_type_are_refused(model: Path) -> None:
    tensors, about = load_tensors(model, CPU)
    for changed in ("encoder.0.conv.weight", "encoder.1.norm.running_mean"):
        save_file(tensors | {changed: tensors[changed].to(torch.int32)}, model, about)
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
    assert_loads_or_is_refused(with_text(model, text))


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
