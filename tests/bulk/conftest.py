"""What tests of bulk share: a collection, a model, and the job run in this process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def bulk(monkeypatch: pytest.MonkeyPatch, model: Path) -> Callable[..., Any]:
    """`bulk(IN, OUT, verify=True)`: the outcome; its `seen` are the rows that reached a worker.

    The stages run one after the other in this process: `test_cluster.py` has Ray.
    """
    job = pytest.importorskip("pix2pix.bulk.job", reason="needs Ray: pip install 'pix2pix[bulk]'")
    from pix2pix.bulk import cluster, reading, translating, work

    seen: list[str] = []

    def results(work: Any, workers: Any, chunks: Sequence[Sequence[Any]]) -> Iterator[Any]:
        translate = translating.Translate(work, 2)
        for chunk in chunks:
            seen.extend(row["name"] for row in chunk)
            for block in reading.read(work, chunk):
                yield translate(block)

    pool = cluster.Pool(workers=2, threads=1, gpus=0, cpus=0.75, reading_cpus=0.25)
    monkeypatch.setattr(cluster, "connected", lambda address: nullcontext())
    monkeypatch.setattr(cluster, "pool", lambda *request: pool)
    monkeypatch.setattr(cluster, "check_nodes", lambda work: None)
    monkeypatch.setattr(cluster, "results", results)

    def run(source: Path | str, target: Path | str, **request: Any) -> Any:
        seen.clear()
        options = work.Options(**request.pop("options", {}))
        request = {"model": model, "engine": "torch", **request}
        outcome = job.run(job.Request(str(source), str(target), options=options, **request), Progress())
        outcome.seen = sorted(seen)
        return outcome

    return run
