"""Connections between a first process and two others; threads stand for processes."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pix2pix.errors import UserError
from pix2pix.training import watch as watch_module
from pix2pix.training.watch import Watch, accept_peers, connect_to_first, open_listener

NAMES = [f"Process {n} of 3" for n in range(3)]
LONG = 30.0  # seconds: never waited for where the code is right


class Group:
    """The watches of three processes, and the sockets by which the last two are connected."""

    def __init__(self) -> None:
        listener, port, password = open_listener(3)
        with ThreadPoolExecutor(1) as pool:
            accepted = pool.submit(accept_peers, listener, password, 2)
            self.outside = {rank: connect_to_first("127.0.0.1", port, password, rank)[0] for rank in (1, 2)}
            self.inside = accepted.result()
        peers = [self.inside, *({0: self.outside[rank]} for rank in (1, 2))]
        self.watches = [Watch(peer, NAMES, rank == 1, lambda: "Go on.") for rank, peer in enumerate(peers)]

    def kill(self, rank: int) -> None:
        """What the kernel does with the connections of a killed process."""
        for connection in self.inside.values() if rank == 0 else [self.outside[rank]]:
            connection.shutdown(socket.SHUT_RDWR)

    def verdicts(self, *ranks: int) -> list[str]:
        return [repr(self.watches[rank].verdict(LONG)) for rank in ranks]


def join_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "watch":
            thread.join(LONG)


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[Group]:
    monkeypatch.setattr(watch_module, "_GRACE_SECONDS", LONG)
    group = Group()
    yield group
    for watch in group.watches:
        watch.close(well=True)
    join_threads()
    for connection in (*group.inside.values(), *group.outside.values()):
        connection.close()


SILENT = "SystemExit(2)"


def test_of_a_killed_process_the_first_one_reports(group: Group) -> None:
    group.kill(2)
    killed = "UserError('Process 2 of 3 was killed or has crashed, and training has stopped. Go on.')"
    assert group.verdicts(0, 1) == [killed, SILENT]


def test_where_the_first_one_is_killed_another_reports(group: Group) -> None:
    group.kill(0)
    killed = "UserError('Process 0 of 3 was killed or has crashed, and training has stopped. Go on.')"
    assert group.verdicts(1, 2) == [killed, SILENT]


def test_an_error_of_another_process_is_reported_by_the_first(group: Group) -> None:
    assert repr(group.watches[2].report(UserError("The disk is full.", "Empty it."))) == SILENT
    expected = "UserError('Process 2 of 3: The disk is full. Empty it.')"
    assert group.verdicts(0, 1) == [expected, SILENT]


@pytest.mark.parametrize("letter", ["x", "\u56fe"])
def test_a_long_error_of_another_process_is_shortened(group: Group, letter: str) -> None:
    assert repr(group.watches[2].report(UserError(letter * 20_000))) == SILENT
    (said,) = group.verdicts(0)
    assert said.startswith(f"UserError('Process 2 of 3: {letter * 1000}")


def test_an_error_of_the_first_process_is_its_own_to_report(group: Group) -> None:
    error = UserError("The disk is full.")
    assert group.watches[0].report(error) is error
    assert group.verdicts(1, 2) == [SILENT, SILENT]


def test_an_error_that_cannot_be_sent_is_reported_where_it_occurred(group: Group) -> None:
    error = UserError("The disk is full.")
    group.kill(2)
    assert group.watches[2].report(error) is error


def test_processes_that_have_finished_are_not_missed(group: Group) -> None:
    group.watches[2].close(well=True)
    group.kill(2)
    assert group.watches[0].verdict(0.2) is None
    assert not group.watches[0].has_ended(0)


def test_a_network_that_is_cut_is_no_killed_process(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = OSError(errno.ETIMEDOUT, "Connection timed out")
    monkeypatch.setattr(watch_module, "_read", lambda peer: unreachable)
    group.kill(1)  # wakes the thread, which then reads
    assert "Process 1 of 3 cannot be reached any more" in group.verdicts(0)[0]


def test_a_process_that_waits_for_a_message_is_ended_by_its_thread(
    group: Group, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(watch_module, "_GRACE_SECONDS", 0.01)
    monkeypatch.setattr("os._exit", ended.append)
    group.kill(2)
    join_threads()
    assert ended == [2, 2, 2]
    (said,) = capfd.readouterr().err.split("\n")[1:-1]
    assert said.startswith("pix2pix: Process 2 of 3 was killed")


def test_other_programs_are_not_taken_for_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_PASSWORD_SECONDS", 0.1)
    listener, port, password = open_listener(2)
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(accept_peers, listener, password, 1)
        with (
            socket.create_connection(("127.0.0.1", port)) as other,
            socket.create_connection(("127.0.0.1", port)),  # says nothing
        ):
            other.sendall(b"GET / HTTP/1.1\n")
            second = connect_to_first("127.0.0.1", port, password, 1)[0]
            assert [*accepted.result()] == [1]
        for connection in (second, *accepted.result().values()):
            connection.close()


def test_a_first_process_that_cannot_be_reached_is_named_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=rf"Process 1 cannot reach .* 127\.0\.0\.1, port {port}"):
        connect_to_first("127.0.0.1", port, "password", 1)


def test_a_process_that_does_not_come_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_CONNECT_SECONDS", 0.05)
    listener, _, password = open_listener(2)
    with pytest.raises(UserError, match="1 of 1 processes did not connect"):
        accept_peers(listener, password, 1)
