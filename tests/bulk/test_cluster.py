"""The job on Ray itself: workers that are killed, and a machine that does not see the model."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pix2pix.errors import UserError
from tests.helpers import files_below, noise, write

cluster = pytest.importorskip("pix2pix.bulk.cluster", reason="needs Ray: pip install 'pix2pix[bulk]'")


def resources(monkeypatch: pytest.MonkeyPatch, cpus: float, gpus: float) -> None:
    monkeypatch.setattr(cluster.ray, "cluster_resources", lambda: {"CPU": cpus, "GPU": gpus})


@pytest.mark.parametrize(
    ("cpus", "gpus", "request_", "workers", "threads", "gpus_each"),
    [
        (2, 0, (None, None, None, None), 2, 1, 0),
        (8, 0, (2, None, None, None), 2, 4, 0),
        (8, 0, (None, None, 4, "cpu"), 2, 4, 0),
        (16, 2, (None, None, None, None), 2, 8, 1),
        (16, 2, (None, 0.5, None, None), 4, 4, 0.5),
        (16, 2, (None, None, 1, "cpu"), 16, 1, 0),
    ],
)
def test_workers_fit_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    cpus: float,
    gpus: float,
    request_: tuple[Any, ...],
    workers: int,
    threads: int,
    gpus_each: float,
) -> None:
    resources(monkeypatch, cpus, gpus)
    pool = cluster.pool(*request_)
    assert (pool.workers, pool.threads, pool.gpus) == (workers, threads, gpus_each)
    assert pool.workers * pool.cpus + pool.reading_cpus <= cpus


@pytest.mark.parametrize(
    ("request_", "message"),
    [((None, 1.0, None, None), "is to have 1 GPUs"), ((9, None, None, None), "do not fit on 2 processors")],
)
def test_too_much_is_refused(
    monkeypatch: pytest.MonkeyPatch, request_: tuple[Any, ...], message: str
) -> None:
    resources(monkeypatch, 2, 0)
    with pytest.raises(UserError, match=message):
        cluster.pool(*request_)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # of Ray itself
@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path: Path, model: Path) -> None:
    from pix2pix.bulk import job, work
    from pix2pix.progress import Progress

    for number in range(120):
        write(tmp_path / "in" / f"{number:03}.png", noise(64, 64, seed=number))

    def run(out: str) -> Any:
        request = job.Request(str(tmp_path / "in"), str(tmp_path / out), model, work.Options(), workers=2)
        return job.run(request, Progress())

    killed: list[int] = []

    def kill() -> None:
        """Kill the first worker that translates, once there is an output."""
        while not list((tmp_path / "disturbed").glob("*.png")):
            time.sleep(0.05)
        for process in Path("/proc").glob("[0-9]*"):
            about = (process / "cmdline").read_bytes()
            if b"MapWorker" in about and not killed and is_below(int(process.name)):
                killed.append(int(process.name))
                os.kill(killed[0], signal.SIGKILL)

    assert run("undisturbed").translated == 120
    thread = threading.Thread(target=kill)
    thread.start()
    outcome = run("disturbed")
    thread.join()
    assert killed
    assert (outcome.translated, outcome.failures) == (120, [])
    names = {name for name in files_below(tmp_path / "disturbed") if not name.startswith(".")}
    assert names == {f"{number:03}.png" for number in range(120)}
    for name in names:
        assert (tmp_path / "disturbed" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def is_below(process: int) -> bool:
    """Whether this process started another, through others."""
    while process > 1:
        if process == os.getpid():
            return True
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def test_an_address_without_a_cluster() -> None:
    with pytest.raises(UserError, match="There is no Ray cluster at"), cluster.connected("127.0.0.1:9"):
        pass
