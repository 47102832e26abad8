"""The job on Ray itself: workers that are killed, and a machine that does not see the model."""

import os
import signal
import sys
import threading
import time
from pathlib import Path, PosixPath
from typing import Any

import pytest

from pix2pix.errors import UserError
from tests.helpers import files_below, noise, write

cluster = pytest.importorskip("pix2pix.bulk.cluster", reason="needs Ray: pip install 'pix2pix[bulk]'")
# Ray's own warnings are no failures of ours.
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.mark.slow
@quiet
def test_a_killed_worker_loses_nothing(tmp_path: Path, model: Path) -> None:
    from pix2pix.bulk import job, work
    from pix2pix.progress import Progress

    for number in range(120):
        write(tmp_path / "in" / f"{number:03}.png", noise(64, 64, seed=number))

    def run(out: str) -> Any:
        request = job.Request(str(tmp_path / "in"), str(tmp_path / out), model, work.Options(), workers=2)
        return job.run(request, cluster, Progress())

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


@pytest.mark.slow
@quiet
def test_pictures_that_kill_fail_and_all_others_are_done(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from pix2pix.bulk import job, places, work
    from pix2pix.progress import Progress

    driver = os.getpid()

    class Deadly(places.Place):
        """A folder whose pictures of one name kill the process that reads or writes them."""

        def local(self, path: str) -> Path:
            if os.getpid() != driver and path == ("013.png" if self.root.endswith("in") else "031.png"):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().local(path)

    for number in range(48):
        write(tmp_path / "in" / f"{number:03}.png", noise(32, 32, seed=number))
    monkeypatch.setattr(job, "open_place", lambda text: Deadly(text, text, places.fs.LocalFileSystem()))
    request = job.Request(str(tmp_path / "in"), str(tmp_path / "out"), model, work.Options(), workers=2)
    outcome = job.run(request, cluster, Progress())
    assert outcome.translated == 46
    assert "raylet" not in "".join(capfd.readouterr())
    assert [reason.partition(". ")[0] for reason in outcome.failures] == [
        "013.png killed the process that was reading it",
        "031.png killed the process that was translating it",
    ]
    names = {path.name for path in (tmp_path / "out").glob("[!.]*.png")}
    assert names == {f"{number:03}.png" for number in range(48) if number not in (13, 31)}


@pytest.mark.slow
@quiet
def test_a_model_at_which_workers_die_ends_the_job(tmp_path: Path, model: Path) -> None:
    from pix2pix.bulk import job, work
    from pix2pix.progress import Progress

    driver = os.getpid()

    class Deadly(PosixPath):
        """A model at which whatever translates dies; tasks that look for it live."""

        def is_file(self) -> bool:
            if os.getpid() != driver and cluster.ray.get_runtime_context().get_actor_id():
                os.kill(os.getpid(), signal.SIGKILL)
            return bool(super().is_file())

        def resolve(self, strict: bool = False) -> Any:
            return self

    write(tmp_path / "in" / "a.png")
    places = str(tmp_path / "in"), str(tmp_path / "out")
    request = job.Request(*places, Deadly(model), work.Options(), workers=1)
    with pytest.raises(UserError, match="died 3 times while it loaded the model"):
        job.run(request, cluster, Progress())


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


def test_a_start_that_fails_has_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**how: Any) -> None:
        raise Exception("The current node timed out during startup. This could happen.")

    monkeypatch.setattr(cluster.ray, "init", init)
    with pytest.raises(UserError, match="Ray does not start on this machine: The current node timed out"):
        cluster.connected(None).__enter__()


def test_sigterm_stays_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray ends the process where it is; the command ends as on Ctrl-C."""
    monkeypatch.setattr(
        cluster.ray, "init", lambda **how: signal.signal(signal.SIGTERM, lambda *about: sys.exit(15))
    )
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    monkeypatch.setattr(cluster, "_without_progress", lambda: None)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with cluster.connected(None):
            assert signal.getsignal(signal.SIGTERM) is before
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_ray_prints_of_workers_reaches_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster.ray, "init", lambda **how: None)
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    monkeypatch.setattr(cluster, "_without_progress", lambda: None)
    with cluster.connected(None):
        print("(raylet) A worker died or was killed while executing a task.")
    print("5 of 5 pictures translated")
    assert capsys.readouterr().out == "5 of 5 pictures translated\n"
