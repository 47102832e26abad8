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
    ],
)
def test_workers_fit_the_machine(
    resources: tuple[float, float], request_: Any, workers: int, threads: int, gpus_each: float
) -> None:
    pool = fitting(resources, *request_)
    assert (pool.workers, pool.threads, pool.gpus) == (workers, threads, gpus_each)
    assert pool.workers * pool.cpus + pool.reading_cpus <= resources[0]


@pytest.mark.parametrize(
    ("request_", "message"),
    [((None, 1.0, None, None), "is to have 1 GPUs"), ((9, None, None, None), "do not fit on 2 processors")],
)
def test_too_much_is_refused(request_: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        fitting((2, 0), *request_)


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
        fitting((processors, 0), *request_)
    assert hint in caught.value.hint
    assert ("--workers" in caught.value.hint) == hint.startswith("Lower")
