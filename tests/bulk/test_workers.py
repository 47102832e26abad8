"""How many workers fit a cluster."""

from typing import Any

import pytest

from pix2pix.bulk.workers import fitting
from pix2pix.errors import UserError


@pytest.mark.parametrize(
    ("resources", "request_", "workers", "threads", "gpus_each"),
    [
        ((2, 0), (None, None, None, None), 2, 1, 0),
        ((8, 0), (2, None, None, None), 2, 4, 0),
        ((8, 0), (None, None, 4, "cpu"), 2, 4, 0),
        ((16, 2), (None, None, None, None), 2, 8, 1),
        ((16, 2), (None, 0.5, None, None), 4, 4, 0.5),
        ((16, 2), (None, None, 1, "cpu"), 16, 1, 0),
        ((16, 1), (None, 0.2, None, None), 5, 3, 0.2),
        ((20, 1), (10, 0.1, None, None), 10, 2, 0.1),
    ],
)
def test_workers_fit_the_machine(
    resources: tuple[float, float], request_: Any, workers: int, threads: int, gpus_each: float
) -> None:
    pool = fitting([resources], *request_)
    assert (pool.workers, pool.threads, pool.gpus) == (workers, threads, gpus_each)
    assert pool.workers * pool.cpus + pool.reading_cpus <= resources[0]


@pytest.mark.parametrize(
    ("machines", "request_", "workers", "threads", "cpus"),
    [
        ([(1, 0), (1, 0)], (None, None, None, None), 2, 1, 0.75),
        ([(4, 0), (4, 0)], (1, None, None, None), 1, 4, 3.0),
        ([(4, 0), (4, 0)], (3, None, None, None), 3, 2, 1.5),
        ([(3, 0), (5, 0)], (None, None, 2, "cpu"), 3, 2, 1.5),
        ([(0, 0), (2, 0)], (None, None, None, None), 2, 1, 0.75),
        ([(24, 0), (8, 2)], (None, None, None, None), 2, 4, 2.0),
        ([(8, 4), (16, 1)], (None, None, None, None), 5, 2, 1.0),
    ],
)
def test_each_worker_fits_one_machine(
    machines: Any, request_: Any, workers: int, threads: int, cpus: float
) -> None:
    pool = fitting(machines, *request_)
    assert (pool.workers, pool.threads, pool.cpus) == (workers, threads, cpus)


@pytest.mark.parametrize(
    ("machines", "request_", "message"),
    [
        ([(2, 0), (2, 0)], (None, None, 4, "cpu"), "4 threads .* on 4 processors and 0 GPUs of 2 machines"),
        ([(8, 1), (8, 1)], (None, 2.0, None, None), "2 GPUs, and no machine of the cluster has more than 1"),
    ],
)
def test_workers_that_only_all_machines_together_could_hold_are_refused(
    machines: Any, request_: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        fitting(machines, *request_)


@pytest.mark.parametrize(
    ("request_", "message"),
    [((None, 1.0, None, None), "is to have 1 GPUs"), ((9, None, None, None), "do not fit on 2 processors")],
)
def test_too_much_is_refused(request_: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        fitting([(2, 0)], *request_)


@pytest.mark.parametrize(
    ("processors", "request_", "hint"),
    [
        (4, (2, None, 3, "cpu"), "Lower --workers."),
        (4, (1, None, 8, "cpu"), "keeps its 8 threads"),
        (4, (None, None, 8, "cpu"), "another OUT"),
        (0, (None, None, None, None), "at least one processor"),
    ],
)
def test_fewer_workers_are_recommended_only_where_there_are_several(
    processors: int, request_: Any, hint: str
) -> None:
    with pytest.raises(UserError) as caught:
        fitting([(processors, 0)], *request_)
    assert hint in caught.value.hint
    assert ("--workers" in caught.value.hint) == hint.startswith("Lower")
