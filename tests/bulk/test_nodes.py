"""A cluster of two machines, made of two network namespaces: needs root, and `ip` of Linux."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import files_below, noise, write, write_model

ADDRESSES = {"pix2pix-1": "10.203.77.1", "pix2pix-2": "10.203.77.2"}  # by namespace
FIRST, SECOND = ADDRESSES
PORT = 6379
LONG = 300.0  # seconds; the machines that run tests are shared


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def environment() -> dict[str, str]:
    """The same package as here, and no token."""
    path = os.pathsep.join(sys.path)
    return os.environ | {
        "RAY_AUTH_MODE": "disabled",
        "PYTHONPATH": path,
        "RAY_raylet_start_wait_time_s": "300",
    }


def ray_start(name: str, hidden: Path, temporary: str) -> list[str]:
    """The command of one machine; the second one does not see what is in the hidden folder."""
    about = f"--num-cpus=1 --object-store-memory=200000000 --node-ip-address={ADDRESSES[name]} --block"
    role = f"--head --port={PORT} --include-dashboard=false --temp-dir={temporary}"
    role = role if name == FIRST else f"--address={ADDRESSES[FIRST]}:{PORT} --temp-dir={temporary}"
    cover = f"mount -t tmpfs none {hidden} && " if name == SECOND else ""
    start = f"{cover}exec {sys.executable} -m ray.scripts.scripts start {role} {about} --disable-usage-stats"
    return ["ip", "netns", "exec", name, "sh", "-c", start]


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    """A folder of which the second machine sees nothing."""
    (tmp_path / "hidden").mkdir()
    return tmp_path / "hidden"


@pytest.fixture
def machines(hidden: Path) -> Iterator[None]:
    """Two namespaces with Ray in each; nothing of both stays."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'pix2pix[bulk]'")
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("needs root and ip")
    with ExitStack() as last:
        for name in ADDRESSES:
            try:
                ip("netns", "add", name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"needs network namespaces: {error.stderr}")
            last.callback(ip, "netns", "del", name)
        ip("link", "add", "p2p-1", "netns", FIRST, "type", "veth", "peer", "name", "p2p-2", "netns", SECOND)
        for number, (name, address) in enumerate(ADDRESSES.items(), 1):
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "addr", "add", f"{address}/24", "dev", f"p2p-{number}")
            ip("-n", name, "link", "set", f"p2p-{number}", "up")
        for name in ADDRESSES:
            # Names of sockets are limited to 107 characters: too few for pytest's folders.
            temporary = last.enter_context(
                tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True)
            )
            log = last.enter_context(Path(temporary, "log").open("w"))
            command = ray_start(name, hidden, temporary)
            started = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
            last.callback(end, started)
            wait_for(Path(temporary, "log"), "Ray runtime started")
        yield


def end(process: subprocess.Popen[Any]) -> None:
    """End `ray start`, which ends what it started."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(60)
    process.kill()


def wait_for(log: Path, text: str) -> None:
    """Wait until a log says something."""
    deadline = time.monotonic() + LONG
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def bulk_there(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run `pix2pix bulk` on the first machine."""
    line = [sys.executable, "-m", "pix2pix", "bulk", *map(str, words)]
    line += ["--engine", "torch", "--address", f"{ADDRESSES[FIRST]}:{PORT}"]
    inside: Sequence[str] = ["ip", "netns", "exec", FIRST, *line]
    return subprocess.run(inside, env=environment(), capture_output=True, text=True, timeout=LONG)


@pytest.mark.slow
@pytest.mark.usefixtures("machines")
def test_two_machines_write_what_one_does(
    bulk: Callable[..., Any], model: Path, tmp_path: Path, hidden: Path
) -> None:
    for number in range(40):
        write(tmp_path / "in" / f"{number:02}.png", noise(32, 32, seed=number))
    bulk(tmp_path / "in", tmp_path / "alone")
    outcome = bulk_there(tmp_path / "in", tmp_path / "out", "--model", model)
    assert outcome.returncode == 0, outcome.stderr
    assert "by 2 workers of 1 thread" in outcome.stderr  # one on each: they have a processor each
    assert "40 of 40 pictures translated" in outcome.stdout
    names = {name for name in files_below(tmp_path / "alone") if not name.startswith(".")}
    assert names == {name for name in files_below(tmp_path / "out") if not name.startswith(".")}
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()

    unseen = write_model(hidden / "model.safetensors")
    outcome = bulk_there(tmp_path / "in", tmp_path / "other", "--model", unseen)
    assert outcome.returncode == 2
    assert f"has no file {unseen}. The model must be on a disk that all machines share." in " ".join(
        outcome.stderr.split()
    )
