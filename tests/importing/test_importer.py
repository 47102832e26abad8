"""Generators of pytorch-CycleGAN-and-pix2pix translate here as they do there; other files are refused."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pix2pix.errors import UserError
from pix2pix.importing.importer import import_model
from pix2pix.inference.describe import describe_model
from pix2pix.inference.translator import Translator
from pix2pix.networks.noise import keep_factors
from tests.importing import theirs

GENERATORS: dict[str, tuple[Callable[[str], nn.Module], int]] = {
    "unet_256": (lambda norm: theirs.unet(8, norm), 256),
    "unet_128": (lambda norm: theirs.unet(7, norm), 128),
    "resnet_9blocks": (lambda norm: theirs.resnet(9, norm, dropout=False), 64),
    "resnet_6blocks": (lambda norm: theirs.resnet(6, norm), 64),
}


def imported(folder: Path, content: Any, **options: Any) -> Translator:
    """The translator of what `content` becomes, saved as a .pth and imported."""
    content = content.state_dict() if isinstance(content, nn.Module) else content
    torch.save(content, folder / "latest_net_G.pth")
    import_model(folder / "latest_net_G.pth", folder / "m.safetensors", **options)
    return Translator.load(folder / "m.safetensors", "cpu", engine="torch")


def picture(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def assert_same(translator: Translator, x: Tensor, expected: Tensor, mode: Any) -> None:
    (found,) = translator.translate_tensors([x[0]], mode=mode)
    assert expected.std() > 0.05, "a picture of one colour shows no difference"
    torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("name", GENERATORS)
def test_outputs_are_theirs(tmp_path: Path, name: str, norm: str) -> None:
    build, side = GENERATORS[name]
    network, x = build(norm), picture(side, 2 * side)
    translator = imported(tmp_path, network)
    assert_same(translator, x, theirs.without_dropout(network, x), "deterministic")
    if norm == "batch":
        assert_same(translator, x, network.eval()(x.clone()), "running")
    config = translator.header.config
    assert (config.model.norm, config.model.width) == (norm, 4)
    assert name in dict(describe_model(tmp_path / "m.safetensors"))["imported from"]


@pytest.mark.parametrize("name", ["unet_256", "unet_128", "resnet_6blocks"])
def test_dropout_is_in_their_layers(tmp_path: Path, name: str) -> None:
    build, side = GENERATORS[name]
    network, x = build("batch"), picture(side, side)
    translator = imported(tmp_path, network)
    inputs = translator.generator.noise
    drops = list(theirs.dropouts(network))
    assert len(drops) == len(inputs) == {"unet_256": 3, "unet_128": 2, "resnet_6blocks": 6}[name]
    for drop, mask in zip(drops, keep_factors(inputs, x, seed=0), strict=True):  # from the inside out
        drop.eval().register_forward_hook(lambda module, inputs, output, mask=mask: output * mask)
    assert_same(translator, x, network(x.clone()), "paper")


def test_a_resnet_without_dropout_has_none_here(tmp_path: Path) -> None:
    assert imported(tmp_path, theirs.resnet(9, dropout=False)).header.config.model.dropout == 0


def _prefixed(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


FORMS: dict[str, Callable[[dict[str, Tensor], dict[str, Tensor]], Any]] = {
    "of several GPUs": lambda g, d: _prefixed(g, "module."),
    "compiled": lambda g, d: _prefixed(g, "_orig_mod."),
    "layers alone": lambda g, d: {name.removeprefix("model."): tensor for name, tensor in g.items()},
    "both networks": lambda g, d: {"netG": g, "netD": d, "epoch": 200},
    "of Lightning": lambda g, d: {
        "state_dict": _prefixed(g, "netG.") | _prefixed(d, "netD."),
        "optimizer_states": [{}],
    },
    "half precision": lambda g, d: {name: t.half() if t.is_floating_point() else t for name, t in g.items()},
    "before torch 0.4": lambda g, d: {n: t for n, t in g.items() if not n.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["unet_128", "resnet_6blocks"])
def test_names_may_be_of_several_forms(tmp_path: Path, name: str, form: str) -> None:
    build, side = GENERATORS[name]
    network, x = build("batch"), picture(side, side)
    if form == "half precision":
        network = network.half().float()
    content = FORMS[form](network.state_dict(), theirs.discriminator().state_dict())
    translator = imported(tmp_path, content)
    assert_same(translator, x, network.eval()(x.clone()), "running")


def test_instance_norms_of_old_versions_hold_statistics_that_nobody_used(tmp_path: Path) -> None:
    network, x = theirs.unet(7, "instance"), picture(128, 128)
    state = dict(network.state_dict())
    first = "model.model.1.model."
    state |= {f"{first}2.running_{what}": torch.full((8,), 2.0) for what in ("mean", "var")}
    assert_same(imported(tmp_path, state), x, theirs.without_dropout(network, x), "deterministic")


def test_files_of_before_torch_1_6_are_read(tmp_path: Path) -> None:
    network = theirs.unet(7)
    file = tmp_path / "G.pth"
    torch.save(network.state_dict(), file, _use_new_zipfile_serialization=False)
    import_model(file, tmp_path / "m.safetensors")
    x = picture(128, 128)
    assert_same(Translator.load(tmp_path / "m.safetensors", "cpu"), x, network.eval()(x.clone()), "running")


def test_channels_are_those_of_the_file(tmp_path: Path) -> None:
    translator = imported(tmp_path, theirs.unet(7, source=1, target=4), half="right", mode="running")
    header = translator.header
    assert (header.image.source.channels, header.image.target.channels) == (1, 4)
    assert (header.image.half, header.mode) == ("right", "running")
    assert translator.translate(np.zeros((100, 150), np.uint8)).size == (150, 100)


def test_a_model_that_adds_colour_keeps_the_lightness(tmp_path: Path) -> None:
    translator = imported(tmp_path, theirs.unet(7, source=1, target=2))
    assert translator.output == ("uint8", 3)
    grey = np.tile(np.linspace(60, 180, 128).astype(np.uint8), (128, 1))
    rgb = np.asarray(translator.translate(grey, mode="deterministic"), float)
    assert rgb.shape == (128, 128, 3)
    luma = rgb @ [0.2126, 0.7152, 0.0722]
    assert np.corrcoef(luma.mean(0), grey[0])[0, 1] > 0.9


def test_a_generator_of_the_published_size_has_all_its_weights(tmp_path: Path) -> None:
    translator = imported(tmp_path, theirs.resnet(9, "instance", width=64, dropout=False))
    assert sum(w.numel() for n, w in translator.generator.named_parameters() if ".norm." not in n) > 11.37e6


# Other files


def refusal(file: Path) -> str:
    with pytest.raises(UserError) as caught:
        import_model(file, file.with_suffix(".safetensors"))
    assert not file.with_suffix(".safetensors").exists()
    assert str(file) in str(caught.value)
    return str(caught.value)


def saved(folder: Path, content: Any) -> Path:
    torch.save(content, folder / "x.pth")
    return folder / "x.pth"


def test_a_discriminator_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, theirs.discriminator().state_dict())
    assert "is a discriminator. Wanted a generator" in refusal(file)


class _Runs:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("this was run",)


@pytest.mark.parametrize("form", ["zip", "before torch 1.6", "plain pickle"])
def test_code_in_a_file_is_never_run(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, file = {"model.1.weight": _Runs()}, tmp_path / "x.pth"
    if form == "plain pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
    assert "only tensors and their names are read. Save the generator's state dict" in refusal(file)
    assert "this was run" not in capsys.readouterr().out


def test_a_whole_network_is_refused_with_what_to_save(tmp_path: Path) -> None:
    assert "torch.save(netG.state_dict()" in refusal(saved(tmp_path, theirs.unet(5)))


def test_a_diffusion_checkpoint_is_refused(tmp_path: Path) -> None:
    names = ["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in.weight"]
    names += ["cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"]
    content = {"state_dict": {name: torch.zeros(4, 4, 3, 3) for name in names}, "global_step": 470000}
    assert "holds another network: its 3 tensors are model.diffusion_model" in refusal(
        saved(tmp_path, content)
    )


def test_text_and_a_file_cut_short_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.pth"
    file.write_text("<html>please log in</html>")
    assert "no .pth that can be read, or was cut short" in refusal(file)
    whole = io.BytesIO()
    torch.save(theirs.unet(5).state_dict(), whole)
    for length in (len(whole.getvalue()) - 100, 3000, 0):
        file.write_bytes(whole.getvalue()[:length])
        assert "no .pth that can be read, or was cut short" in refusal(file)


def test_a_missing_file_a_folder_and_an_empty_dictionary_are_refused(tmp_path: Path) -> None:
    assert "Cannot read" in refusal(tmp_path / "none.pth")
    (tmp_path / "folder.pth").mkdir()
    assert "is a folder. Wanted a generator" in refusal(tmp_path / "folder.pth")
    assert "holds no tensors" in refusal(saved(tmp_path, {"epoch": 3}))


def test_the_file_to_import_is_not_overwritten(tmp_path: Path) -> None:
    file = saved(tmp_path, theirs.unet(5).state_dict())
    before = file.read_bytes()
    with pytest.raises(UserError, match=r"is the file to import\. Choose another"):
        import_model(file, tmp_path / "x.pth")
    assert file.read_bytes() == before


def changed(network: nn.Module, **changes: Tensor | None) -> dict[str, Tensor]:
    state = network.state_dict() | {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in state.items() if value is not None}


def test_generators_that_differ_from_theirs_are_refused_by_the_tensor(tmp_path: Path) -> None:
    network = theirs.resnet(6)
    lacking = changed(network, model__4__weight=None)
    assert "has no tensor 4.weight" in refusal(saved(tmp_path, lacking))
    more = changed(network, model__10__conv_block__9__weight=torch.ones(3))
    assert "it has a tensor 10.conv_block.9.weight" in refusal(saved(tmp_path, more))
    other = changed(network, model__4__weight=torch.ones(5, 4, 3, 3))
    assert "at 4 it has [5, 4, 3, 3] weights, wanted [8, 4, 3, 3]" in refusal(saved(tmp_path, other))
    assert "no last layer" in refusal(saved(tmp_path, changed(network, model__23__weight=None)))
    assert "halves pictures 11 times" in refusal(saved(tmp_path, theirs.unet(11, width=1).state_dict()))


def test_two_generators_in_a_file_are_named(tmp_path: Path) -> None:
    state = theirs.resnet(6).state_dict()
    file = saved(tmp_path, {"state_dict": _prefixed(state, "netG_A.") | _prefixed(state, "netG_B.")})
    assert "holds 2 generators: state_dict.netG_A and state_dict.netG_B" in refusal(file)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    state = theirs.unet(5).state_dict()
    state["model.model.3.bias"] = torch.full((3,), torch.nan)
    assert "not finite, in decoder.4.conv.bias" in refusal(saved(tmp_path, state))


def test_a_mode_that_needs_statistics_is_refused_without(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no running statistics.*norm is instance\. Choose paper or det"):
        imported(tmp_path, theirs.unet(7, "instance"), mode="running")


def test_a_folder_of_checkpoints_is_answered_by_the_generators_in_it(tmp_path: Path) -> None:
    for name in ("5_net_G.pth", "latest_net_D.pth", "latest_net_G.pth"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="is a folder") as caught:
        import_model(tmp_path, tmp_path / "m.safetensors")
    assert caught.value.hint == "Name a file in it: latest_net_G.pth and 5_net_G.pth."
