import torch

from pix2pix.networks import PatchGAN
from pix2pix.networks.layers import initialise
from pix2pix.training.turn import Turn


def test_d_sees_source_then_target_or_the_target_alone() -> None:
    x, y = torch.zeros(2, 1, 4, 4), torch.ones(2, 3, 4, 4)
    conditional = Turn(x, y, y, lambda seen: seen.mean((0, 2, 3)), True)
    assert conditional.discriminate(y).tolist() == [0, 1, 1, 1]
    assert Turn(x, y, y, lambda seen: seen, False).discriminate(y) is y


def test_features_are_those_of_d_as_written_or_compiled() -> None:
    D = PatchGAN(4, strided=1, width=2)
    initialise(D, torch.Generator().manual_seed(0))  # its weights are unset memory before
    x, y = torch.zeros(2, 1, 32, 32), torch.ones(2, 3, 32, 32)
    plain = Turn(x, y, y, D)
    *_, logits = plain.features(y)
    torch.testing.assert_close(logits, plain.discriminate(y))
    compiled = Turn(x, y, y, torch.compile(D, backend="eager"))
    for layer, same in zip(plain.features(y), compiled.features(y), strict=True):
        torch.testing.assert_close(layer, same)
