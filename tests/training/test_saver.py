import threading
from collections.abc import Callable

import pytest
import torch

from pix2pix.config import Config
from pix2pix.training.saver import Saver
from pix2pix.training.state import State, new_state

CPU = torch.device("cpu")
Tiny = Callable[..., Config]


def test_steps_go_on_while_the_state_as_it_was_is_written(tiny: Tiny) -> None:
    state, may_write = new_state(tiny(), CPU), threading.Event()
    wanted = [tensor.clone() for tensor in state.tensors()]
    written: list[State] = []

    def write(frozen: State) -> None:
        assert may_write.wait(10)
        written.append(frozen)

    saver = Saver(background=True)
    state.images_seen = 7
    saver.save(state, write)
    with torch.no_grad():
        for tensor in state.tensors():
            tensor.add_(1)
    state.images_seen = 8
    assert written == []
    may_write.set()
    saver.wait()
    saver.close()
    assert written[0].images_seen == 7
    for mine, tensor in zip(written[0].tensors(), wanted, strict=True):
        assert torch.equal(mine, tensor)


def test_saves_are_made_one_after_the_other(tiny: Tiny) -> None:
    state, order = new_state(tiny(), CPU), []
    saver = Saver(background=True)
    for number in range(3):
        state.images_seen = number
        saver.save(state, lambda frozen: order.append(frozen.images_seen))
    saver.close()
    assert order == [0, 1, 2]


@pytest.mark.parametrize("background", [False, True])
def test_a_save_that_fails_is_no_secret(tiny: Tiny, background: bool) -> None:
    def full(state: State) -> None:
        raise OSError("no space")

    def save_and_wait() -> None:
        saver.save(new_state(tiny(), CPU), full)
        saver.wait()

    saver = Saver(background)
    with pytest.raises(OSError, match="no space"):
        save_and_wait()
    saver.wait()  # told once
    saver.close()


def test_on_the_processor_the_save_is_made_at_once(tiny: Tiny) -> None:
    state, given = new_state(tiny(), CPU), []
    Saver(background=False).save(state, given.append)
    assert given == [state]
