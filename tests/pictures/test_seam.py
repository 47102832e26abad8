import numpy as np
import pytest

from pix2pix.pictures.seam import goes_on
from tests.helpers import noise, scene


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["scene", "labels"])
def test_a_picture_goes_on_across_its_middle_and_a_pair_does_not(channels: int, kind: str) -> None:
    answers = []
    for seed in range(20):
        one, other = (scene(n, 96, 96, channels) for n in (seed, seed + 50))
        if kind == "labels":
            one = one // 86 * 86
        pair, darker = (np.concatenate([one, half], axis=1) for half in (other, one // 2))
        answers.append([goes_on(one), goes_on(pair), goes_on(darker)])
    columns = zip(*answers, strict=True)
    picture, pair, darker = ([answer for answer in column if answer is not None] for column in columns)
    assert sum(picture) >= 0.9 * len(picture) > 9
    assert sum(pair) <= 0.2 * len(pair)
    assert sum(darker) <= 0.2 * len(darker)


def test_every_depth_is_seen() -> None:
    picture = scene(0, 64, 96)
    for array in (picture.astype(np.uint16) * 257, picture.astype(np.float32) / 255):
        assert goes_on(array)


@pytest.mark.parametrize("shape", [(64, 96, 3), (1, 1, 1), (3, 64, 1), (64, 3, 1)])
def test_what_is_even_or_small_cannot_tell(shape: tuple[int, int, int]) -> None:
    assert goes_on(np.full(shape, 255, np.uint8)) is None
    assert not goes_on(noise(64, 96))
