"""Messages of a process: whole, or an end."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pix2pix.pictures.formats.messages import receive, receive_array, send_array


def pipe(content: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(content))


def test_a_message_and_its_array_come_whole_or_not_at_all() -> None:
    array = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)[:, ::-1]
    out = io.BytesIO()
    send_array(out, {"fill": None}, array)
    sent = pipe(out.getvalue())
    message = receive(sent)
    assert message["fill"] is None
    assert np.array_equal(receive_array(sent, message), array)
    cut = pipe(out.getvalue()[:-1])
    with pytest.raises(EOFError):
        receive_array(cut, receive(cut))
    with pytest.raises(EOFError):
        receive(pipe(b'{"fill": null'))
