"""What tests of bulk share: a collection, a model, and the job run in this process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from pix2pix.bulk import job, reading, translating, work, workers
from pix2pix.progress import Progress
from tests.helpers import noise, write, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five pictures, one of them in a folder."""
    folder = tmp_path / "photos"
    for number, name in enumerate(["a.png", "b.png", "c.png", "d.png", "deep/e.png"]):
        write(folder / name, noise(32, 32, seed=number))
    return folder


class Here:
    """A cluster of this process alone; `seen` are the rows that reached a worker."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def connected(self, address: str | None) -> nullcontext[None]:
        return nullcontext()

    def pool(self, *request: Any) -> workers.Pool:
        return workers.Pool(workers=2, threads=1, gpus=0, cpus=0.75, reading_cpus=0.25)

    def check_nodes(self, work: work.Work) -> None:
        pass

    def results(self, work: work.Work, pool: workers.Pool, chunks: Sequence[Sequence[Any]]) -> Iterator[Any]:
        translate = translating.Translate(work, 2, nullcontext())
        for chunk in chunks:
            self.seen.extend(row["name"] for row in chunk)
            for block in reading.read(work, chunk):
                yield translate(block)


@pytest.fixture
def bulk(model: Path) -> Callable[..., Any]:
    """`bulk(IN, OUT, verify=True)`: the outcome; its `seen` are the rows that reached a worker.

    The stages run one after the other in this process: `test_cluster.py` has Ray.
    """

    def run(source: Path | str, target: Path | str, **request: Any) -> Any:
        options, here = work.Options(**request.pop("options", {})), Here()
        request = {"model": model, "engine": "torch", **request}
        outcome = job.run(job.Request(str(source), str(target), options=options, **request), here, Progress())
        outcome.seen = sorted(here.seen)
        return outcome

    return run
