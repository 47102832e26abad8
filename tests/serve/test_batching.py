import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2pix.config import Mode
from pix2pix.inference.translator import Translator
from pix2pix.serve.batching import Job, Lanes
from pix2pix.serve.problems import RequestError
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


def job(seed: int = 0, model: str = "a", mode: Mode = "paper", size: tuple[int, int] = (32, 32)) -> Job:
    return Job(model, mode, size, noise(*size, seed=seed), seed, 0)


@pytest.fixture
def held(translator: Translator) -> Held:
    return Held(translator)


@pytest.fixture
def batches() -> list[int]:
    return []


def opened(held: Held, batches: list[int], count: int = 1, largest_px: int = 3 * PX) -> Lanes:
    return Lanes(held.use, count, largest_px, lambda pictures, seconds: batches.append(pictures))


def test_what_waits_becomes_batches_by_model_mode_and_size(held: Held, batches: list[int]) -> None:
    lanes = opened(held, batches)
    first = job()
    lanes.submit([first])
    assert held.begun.wait(30)
    alike = [job(n) for n in range(1, 6)]
    others = [job(8, "b"), job(8, mode="deterministic"), job(8, size=(32, 64))]
    lanes.submit([alike[0], others[0], *alike[1:], *others[1:]])
    assert lanes.waiting == 8
    held.release.set()
    lanes.close()
    # The oldest comes first, with the companions that fit.
    assert batches == [1, 3, 1, 2, 1, 1]
    assert held.names == ["a", "a", "b", "a", "a", "a"]
    for one in [first, *alike, *others]:
        (alone,) = held.translator.translate_sources([one.source], mode=one.mode, seed=one.seed)
        assert abs(one.future.result().picture.astype(int) - alone).max() <= 1


def test_a_picture_larger_than_a_batch_goes_alone(held: Held, batches: list[int]) -> None:
    lanes = opened(held, batches, largest_px=100)
    held.release.set()
    jobs = [job(n) for n in range(3)]
    lanes.submit(jobs)
    lanes.close()
    assert batches == [1, 1, 1]
    assert all(j.future.result().milliseconds > 0 for j in jobs)


def test_who_has_gone_is_left_out(held: Held, batches: list[int]) -> None:
    lanes = opened(held, batches)
    running, gone, stays = job(0), job(1), job(2)
    lanes.submit([running])
    assert held.begun.wait(30)
    lanes.submit([gone, stays])
    assert gone.future.cancel()
    assert not running.future.cancel()
    held.release.set()
    lanes.close()
    assert batches == [1, 1]
    assert stays.future.done()


def test_an_error_reaches_all_of_its_batch_and_no_others(held: Held, batches: list[int]) -> None:
    lanes = opened(held, batches)
    held.error = ZeroDivisionError("a defect")
    jobs = [job(n) for n in range(2)]
    lanes.submit(jobs)
    held.release.set()
    for one in jobs:
        with pytest.raises(ZeroDivisionError):
            one.future.result(30)
    held.error = None
    after = job()
    lanes.submit([after])
    lanes.close()
    assert after.future.result().picture.shape == (32, 32, 3)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_a_lack_of_memory_is_told_with_the_size(held: Held, batches: list[int], error: Exception) -> None:
    lanes = opened(held, batches)
    held.error = error
    held.release.set()
    one = job(size=(64, 32))
    lanes.submit([one])
    with pytest.raises(RequestError, match="not enough memory for a picture of 32 x 64 px") as caught:
        one.future.result(30)
    lanes.close()
    assert caught.value.status == 503


def test_lanes_work_side_by_side_and_share_the_threads(
    held: Held, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    lanes = opened(held, batches, count=2)
    lanes.submit([job(0)])
    assert held.begun.wait(30)
    held.begun.clear()
    lanes.submit([job(1)])
    assert held.begun.wait(30)  # though the first is not done
    held.release.set()
    lanes.close()
    assert taken == [8, 4]


def test_nothing_is_lost_between_many_lanes_and_clients(held: Held, batches: list[int]) -> None:
    lanes = opened(held, batches, count=3)
    held.release.set()
    jobs = [job(n, mode=("paper", "deterministic")[n % 2]) for n in range(40)]  # type: ignore[arg-type]
    clients = [threading.Thread(target=lanes.submit, args=(jobs[n::4],)) for n in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    lanes.close()
    assert sum(batches) == 40
    for one in jobs:
        (alone,) = held.translator.translate_sources([one.source], mode=one.mode, seed=one.seed)
        assert np.abs(one.future.result().picture.astype(int) - alone).max() <= 1


def test_a_picture_comes_also_where_it_cannot_be_counted(held: Held) -> None:
    def seen(pictures: int, seconds: float) -> None:
        raise ZeroDivisionError

    held.release.set()
    lanes, jobs = Lanes(held.use, 1, PX, seen), [job(1), job(2)]
    lanes.submit(jobs)
    assert all(one.future.result(30).picture.shape == (32, 32, 3) for one in jobs)
    lanes.close()
