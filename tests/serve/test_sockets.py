import contextlib
import socket

import pytest

from pix2pix.errors import UserError
from pix2pix.serve import sockets
from pix2pix.serve.sockets import address_of, listen


def test_port_0_is_any_free_one() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as one:
        assert one.getsockname()[1] > 0


def test_a_port_that_was_asked_for_and_is_taken_is_refused() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is taken.*--port"):
            listen("127.0.0.1", port)


def test_where_the_default_is_taken_the_next_one_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(sockets, "PORT", port)
        with contextlib.closing(listen("127.0.0.1", None)) as found:
            assert port < found.getsockname()[1] < port + 20
    assert f"port {port} is taken" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["no such host", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"Cannot listen at {name}"):
        listen(name, 0)


@pytest.mark.parametrize(
    ("name", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("0.0.0.0", "localhost")]
)
def test_the_address_can_be_clicked(name: str, shown: str) -> None:
    if ":" in name and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listening = listen(name, 0)
    except UserError:
        pytest.skip(f"no {name} here")
    with contextlib.closing(listening):
        port = listening.getsockname()[1]
        assert address_of(listening) == f"http://{shown}:{port}/"
