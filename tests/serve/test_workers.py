import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.config import Mode
from pix2pix.inference.translator import Translator
from pix2pix.serve.errors import RequestError
from pix2pix.serve.workers import WaitingPicture, Workers
from tests.helpers import noise

PX = 32 * 32


@pytest.fixture(scope="module")
def translator(models: Path) -> Translator:
    return Translator.load(models / "house.safetensors", "cpu")


class Held:
    """Lends a translator, but not before it is released."""

    def __init__(self, translator: Translator) -> None:
        self.translator, self.release, self.begun = translator, threading.Event(), threading.Event()
        self.names: list[str] = []
        self.error: Exception | None = None

    @contextmanager
    def use(self, name: str) -> Iterator[Translator]:
        self.names.append(name)
        self.begun.set()
        assert self.release.wait(30)
        if self.error:
            raise self.error
        yield self.translator.share()


def waiting(
    seed: int = 0, model: str = "a", mode: Mode = "paper", size: tuple[int, int] = (32, 32)
) -> WaitingPicture:
    return WaitingPicture(model, mode, size, noise(*size, seed=seed), seed, 0)


@pytest.fixture
def held(translator: Translator) -> Held:
    return Held(translator)


@pytest.fixture
def batches() -> list[int]:
    return []


def opened(held: Held, batches: list[int], count: int = 1, largest_px: int = 3 * PX) -> Workers:
    return Workers(held.use, count, largest_px, lambda pictures, seconds: batches.append(pictures))


def test_what_waits_becomes_batches_by_model_mode_and_size(held: Held, batches: list[int]) -> None:
    workers = opened(held, batches)
    first = waiting()
    workers.submit([first])
    assert held.begun.wait(30)
    pictures = [waiting(1), waiting(8, "b"), *(waiting(n) for n in range(2, 6))]
    pictures += [waiting(8, mode="deterministic"), waiting(8, size=(32, 64))]
    workers.submit(pictures)
    assert workers.waiting == 8
    held.release.set()
    workers.close()
    # The oldest comes first, with the companions that fit.
    assert batches == [1, 3, 1, 2, 1, 1]
    assert held.names == ["a", "a", "b", "a", "a", "a"]
    for one in [first, *pictures]:
        (alone,) = held.translator.translate_sources([one.source], mode=one.mode, seed=one.seed)
        assert abs(one.future.result()[0].astype(int) - alone).max() <= 1


def test_a_picture_larger_than_a_batch_goes_alone(held: Held, batches: list[int]) -> None:
    workers = opened(held, batches, largest_px=100)
    held.release.set()
    pictures = [waiting(n) for n in range(3)]
    workers.submit(pictures)
    workers.close()
    assert batches == [1, 1, 1]
    assert all(j.future.result()[1] > 0 for j in pictures)


def test_large_pictures_let_smaller_ones_pass_for_a_while(held: Held, batches: list[int]) -> None:
    workers = opened(held, batches, largest_px=1)
    first = waiting()
    workers.submit([first])
    assert held.begun.wait(30)
    large, old = waiting(1, size=(992, 992)), waiting(2, "b", size=(992, 992))
    old = replace(old, arrived=old.arrived - 5)
    workers.submit([large, waiting(3, "c"), old])
    held.release.set()
    workers.close()
    assert held.names == ["a", "b", "c", "a"]


def test_who_has_gone_is_left_out(held: Held, batches: list[int]) -> None:
    workers = opened(held, batches)
    running, gone, stays = waiting(0), waiting(1), waiting(2)
    workers.submit([running])
    assert held.begun.wait(30)
    workers.submit([gone, stays])
    assert gone.future.cancel()
    assert not running.future.cancel()
    held.release.set()
    workers.close()
    assert batches == [1, 1]
    assert stays.future.done()


def test_an_error_reaches_all_of_its_batch_and_no_others(held: Held, batches: list[int]) -> None:
    workers = opened(held, batches)
    held.error = ZeroDivisionError("a defect")
    pictures = [waiting(n) for n in range(2)]
    workers.submit(pictures)
    held.release.set()
    for one in pictures:
        with pytest.raises(ZeroDivisionError):
            one.future.result(30)
    held.error = None
    after = waiting()
    workers.submit([after])
    workers.close()
    assert after.future.result()[0].shape == (32, 32, 3)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_a_lack_of_memory_is_reported_with_the_size(held: Held, batches: list[int], error: Exception) -> None:
    workers = opened(held, batches)
    held.error = error
    held.release.set()
    one = waiting(size=(64, 32))
    workers.submit([one])
    with pytest.raises(RequestError, match="not enough memory for a picture of 32 x 64 px") as caught:
        one.future.result(30)
    workers.close()
    assert caught.value.status == 503


def test_workers_work_side_by_side_and_share_the_threads(
    held: Held, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    workers = opened(held, batches, count=2)
    workers.submit([waiting(0)])
    assert held.begun.wait(30)
    held.begun.clear()
    workers.submit([waiting(1)])
    assert held.begun.wait(30)  # though the first is not done
    held.release.set()
    workers.close()
    assert taken == [8, 4]


def test_nothing_is_lost_between_many_workers_and_clients(held: Held, batches: list[int]) -> None:
    workers = opened(held, batches, count=3)
    held.release.set()
    pictures = [waiting(n, mode=("paper", "deterministic")[n % 2]) for n in range(40)]  # type: ignore[arg-type]
    clients = [threading.Thread(target=workers.submit, args=(pictures[n::4],)) for n in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    workers.close()
    assert sum(batches) == 40
    for one in pictures:
        (alone,) = held.translator.translate_sources([one.source], mode=one.mode, seed=one.seed)
        assert np.abs(one.future.result()[0].astype(int) - alone).max() <= 1


def test_a_picture_comes_also_where_it_cannot_be_counted(held: Held) -> None:
    def seen(pictures: int, seconds: float) -> None:
        raise ZeroDivisionError

    held.release.set()
    workers, pictures = Workers(held.use, 1, PX, seen), [waiting(1), waiting(2)]
    workers.submit(pictures)
    assert all(one.future.result(30)[0].shape == (32, 32, 3) for one in pictures)
    workers.close()
