from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import multiprocessing

from pix2pix.config import Config
from pix2pix.data.feed import PacketSource
from pix2pix.errors import UserError
from pix2pix.training import distributed
from pix2pix.training.distributed import Processes, process_group
from pix2pix.training.state import saved_images
from tests.helpers import SMALL
from tests.training.test_captured import new_context, run

CPU = torch.device("cpu")
SETTINGS = (*SMALL, "training.batch=2", "training.images=40", "training.schedule=linear")


def test_alone_nothing_is_shared() -> None:
    alone, tensor = Processes(), torch.ones(2)
    alone.average([tensor])
    alone.copy_from_first([tensor])
    assert alone.share(range(4, 8)) == range(4, 8)
    assert alone.any_of([True, False]) == [True, False]
    assert alone.gather("this") == ["this"]
    assert (alone.first, tensor.tolist()) == (True, [1, 1])


def test_more_processes_than_gpus_are_refused_with_both_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TORCHELASTIC_RUN_ID", "test"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "8")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"8 processes .* 2 GPUs") as caught, process_group("auto", str):
        pass
    assert "--nproc-per-node=2" in caught.value.hint


@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_each_image_of_a_batch_is_seen_by_one_process(world: int) -> None:
    shares = [Processes(rank, world).share(range(12, 24)) for rank in range(world)]
    assert [n for share in shares for n in share] == list(range(12, 24))
    assert {len(share) for share in shares} == {12 // world}


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    Processes(0, 4).check(8)
    with pytest.raises(UserError, match=r"training\.batch = 6 .* 4 processes") as caught:
        Processes(0, 4).check(6)
    assert "training.batch=4" in caught.value.hint


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    with process_group("auto", str) as alone:
        assert alone == (Processes(), "auto")


def test_a_number_of_processes_without_torchrun_s_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with (
        pytest.raises(UserError, match=r"WORLD_SIZE is 2, .* MASTER_ADDR, MASTER_PORT are") as caught,
        process_group("auto", str),
    ):
        pass
    assert "torchrun" in caught.value.hint


@pytest.mark.parametrize("worlds", [(1, 4, 2), (4, 1, 1), (2, 4, 1)])
def test_a_run_by_other_numbers_of_processes_sees_each_image_once(worlds: Sequence[int]) -> None:
    """A restart goes on at an image, with the batch of all together."""
    feed: Any = SimpleNamespace(loader=SimpleNamespace(batch=4), tensors=lambda positions: ())
    seen: list[int] = []
    for world in worlds:
        for start in range(len(seen), len(seen) + 12, 4):
            for rank in range(world):
                source = PacketSource(feed, CPU, Processes(rank, world).share, torch.clone)
                seen += source.packet(start).positions
    assert seen == [*range(36)]


@pytest.fixture
def watch() -> Iterator[Any]:
    """Stand for the connections; this process gets its own signal handlers back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield SimpleNamespace(
        has_ended=lambda seconds: False, report=lambda error: error, close=lambda well: None, advice=str
    )
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch, watch: Any) -> Any:
    """`process_group` of one of two processes, without connections."""
    monkeypatch.setattr(distributed, "_join", lambda backend: Processes(0, 2))
    monkeypatch.setattr(distributed, "_watch", lambda processes, advice: watch)
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: None)
    for name, value in environment(0, 1).items():
        monkeypatch.setenv(name, value)
    return watch


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_signals_while_a_reason_is_reported_change_nothing(joined: Any, second: int) -> None:
    def report(error: UserError) -> UserError:
        signal.raise_signal(second)
        return error

    joined.report = report
    with pytest.raises(UserError, match="stopped by SIGTERM"), process_group("cpu", str):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("error", [UserError("The disk is full."), SystemExit(2), ValueError()])
def test_signals_after_an_error_do_not_hide_it(
    joined: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(type(error)) as caught, process_group("cpu", str):
        raise error
    assert caught.value is error


def test_connections_that_do_not_close_after_an_error_do_not_hide_it(
    joined: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, codes = threading.Event(), list[int]()

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    monkeypatch.setattr(distributed, "_CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(distributed.os, "_exit", end)
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: ended.wait(30))
    with pytest.raises(UserError), process_group("cpu", str):
        raise UserError("The disk is full.")
    assert codes == [2]
    assert capsys.readouterr().err == "pix2pix: The disk is full.\n"


def config(norm: str) -> Config:
    return Config.load(None, [*SETTINGS, f"model.norm={norm}"]).with_channels(3, 3)


def weights(norm: str, processes: Processes) -> list[torch.Tensor]:
    """What twenty steps make of the weights, and the mean losses."""
    context = run("plain", new_context(config(norm), processes=processes), 20)
    processes.average([*context.state.generator.buffers(), context.meter.sums])
    return [*context.state.tensors(), context.meter.sums]


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun tells one of two processes on this machine."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def work(rank: int, port: int, folder: Path) -> None:
    os.environ |= environment(rank, port)
    with process_group("cpu", str) as (processes, device):
        assert (processes, device) == (Processes(rank, 2), "cpu")
        assert processes.any_of([rank == 1, False]) == [True, False]
        assert processes.gather(f"from {rank}") == ["from 0", "from 1"]
        mine = torch.full((2,), float(rank))
        processes.copy_from_first([mine])
        assert mine.tolist() == [0, 0]
        ended = {norm: weights(norm, processes) for norm in ("instance", "batch")}
        torch.save(ended, folder / f"{rank}.pt")
    assert not torch.distributed.is_initialized()


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[torch.Tensor]]]:
    """What each of two processes ends with, by norm."""
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(work, (free_port(), folder), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.slow
def test_two_processes_learn_what_one_does_with_both_batches(
    by_two: list[dict[str, list[torch.Tensor]]],
) -> None:
    expected = weights("instance", Processes())
    for ended in by_two:
        for mine, tensor in zip(ended["instance"], expected, strict=True):
            torch.testing.assert_close(mine, tensor, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_batch_norm_sees_each_process_s_own_pictures(by_two: list[dict[str, list[torch.Tensor]]]) -> None:
    """Documented: a batch of 2 over two processes is normalised like two batches of 1."""
    alone = weights("batch", Processes())
    one, other = (ended["batch"] for ended in by_two)
    assert all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(one, other, strict=True))
    assert max(float((a - b).abs().max()) for a, b in zip(one, alone, strict=True)) > 1e-3


@pytest.mark.slow
def test_a_run_of_two_processes_goes_on_with_one(tmp_path: Path, pairs: Path) -> None:
    train = ["pix2pix", "train", str(pairs), "--device", "cpu", "--run", str(tmp_path / "run")]
    requested = [*SMALL, "training.batch=2", "model.norm=instance", "training.log_images=10"]
    for one in requested:
        train += ["--set", one]
    two = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "--"]
    more = subprocess.run(
        [*two, *train, "--set", "training.images=20"], capture_output=True, text=True, check=True
    )
    assert len(re.findall("finished: 20 images", more.stdout)) == 1
    assert ", 2 processes" in more.stderr
    alone = subprocess.run(
        [sys.executable, "-m", *train, "--set", "training.images=40"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "finished: 40 images" in alone.stdout
    assert "trained by 2 processes and goes on with 1" in alone.stderr


LONG = 300.0  # seconds; the machines that run tests are shared


def start(command: Sequence[str], *more: str) -> list[subprocess.Popen[str]]:
    """The same command as two processes."""
    port = free_port()
    return [
        subprocess.Popen(
            [*command, *more],
            env=os.environ | environment(rank, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_when_one_process_ends_all_do_and_the_run_goes_on(
    tmp_path: Path, pairs: Path, rank: int, name: str
) -> None:
    run = tmp_path / "run"
    train = [sys.executable, "-m", "pix2pix", "train", str(pairs), "--device", "cpu", "--run", str(run)]
    for setting in (*SMALL, "training.batch=2", "training.save_images=20", "training.log_images=20"):
        train += ["--set", setting]
    both = start(train, "--set", "training.images=1000000")
    state, deadline = run / "checkpoints" / "state.safetensors", time.monotonic() + LONG
    try:
        while not state.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        both[rank].send_signal(signal.Signals[name])
        outputs = [process.communicate(timeout=LONG) for process in both]
    finally:
        for process in both:
            process.kill()
    seen = saved_images(state)
    assert not any("Traceback" in err for _, err in outputs)
    if name == "SIGKILL":
        said = re.findall("^pix2pix: .*", "\n".join(err for _, err in outputs), re.MULTILINE)
        assert len(said) == 1
        assert f"Process {rank} of 2 was killed" in said[0]
        assert f"The state of image {seen:,} in {run} is good" in said[0]
        assert both[1 - rank].returncode == 2
    else:
        assert outputs[0][0].startswith(f"stopped at image {seen:,}")
        assert both[0].returncode == 130
    alone = subprocess.run(
        [*train, "--set", f"training.images={(seen or 0) + 20}"], capture_output=True, text=True, check=True
    )
    assert f"continuing {run} at image {seen:,}" in alone.stderr
