from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pix2pix.derive import edges, hed, recipe
from pix2pix.errors import UserError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights under the public names: the architecture is checked, not the learning."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("hed") / "hed.safetensors"
    save_file({k: v.contiguous() for k, v in hed.HED().state_dict().items()}, path)
    return path


def test_it_has_the_weights_of_vgg_and_six_votes() -> None:
    convolutions = 14_714_688  # of VGG-16
    votes = sum(channels + 1 for channels in (64, 128, 256, 512, 512)) + 6
    assert sum(p.numel() for p in hed.HED().parameters()) == convolutions + votes


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (37, 50), (64, 64)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_source_is_lines_of_the_size_of_the_photograph(
    weights: Path, shape: tuple[int, int], channels: int
) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (*shape, channels), np.uint8)
    made = recipe.apply(recipe.parse(f"hed:{weights}"), photograph, "a")
    assert made.shape == (*shape, 1)
    assert made.dtype == np.uint8
    assert set(np.unique(made)) <= {0, 255}


def test_a_file_of_tensors_alone_and_the_other_prefix_are_read(weights: Path, tmp_path: Path) -> None:
    state = {k.replace("module", "net", 1): v for k, v in hed.load(weights).state_dict().items()}
    torch.save(state, tmp_path / "hed.pth")
    picture = np.random.default_rng(1).random((32, 32, 3), np.float32)
    again = hed.probability(picture, tmp_path / "hed.pth")
    np.testing.assert_array_equal(again, hed.probability(picture, weights))


@pytest.mark.parametrize("name", ["missing.pth", "empty.pth", "text.pth", "text.safetensors", "other.pth"])
def test_what_holds_no_weights_of_hed_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=name):
        hed.load(tmp_path / name)


def test_thinning_leaves_the_crest_of_a_ridge_and_drops_specks() -> None:
    column = np.exp(-(((np.arange(40) - 20) / 3.0) ** 2)).astype(np.float32)
    ridge = np.repeat(column[None], 40, axis=0)
    ridge[5, 3] = 1.0
    lines = edges.thin(ridge, 0.5)[:, :, 0]
    assert (lines[:, 20] == 0).all()
    assert (np.delete(lines, 20, axis=1) == 255).all()
