import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.pictures.formats.opening import Head
from pix2pix.serve.uploads import decoders
from pix2pix.serve.uploads.decoders import CostlyPictureError, Decoders
from tests.helpers import noise
from tests.serve.helpers import file_of
from tests.serve.hostile import jpeg_of_scans, overlong_png

SOURCE = noise(32, 48)
PNG = file_of(SOURCE)


# It claims an array of more channels than the picture that it announced.
_TAKEN_OVER = """import time
print('{"head": ["PNG", 32, 48, 1, 4]}')
print('{"shape": [32, 48, 9], "type": "uint8"}', flush=True)
time.sleep(60)"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Decoders]:
    made = Decoders(2)
    yield made
    made.close()


def read(made: Decoders, data: bytes, seconds: float = 30) -> np.ndarray:
    return made.read_bytes(data, "The upload", lambda head: None, seconds)


def test_pictures_are_those_of_the_file(shared: Decoders) -> None:
    heads: list[Head] = []
    assert np.array_equal(shared.read_bytes(PNG, "a", heads.append, 30), SOURCE)
    assert heads == [Head("PNG", 32, 48, 1, pixel_bytes=3)]
    large = noise(700, 600)  # more than a pipe holds
    assert np.array_equal(read(shared, file_of(large)), large)


def test_threads_share_the_processes(shared: Decoders) -> None:
    pictures = [noise(16, 16 + n, seed=n) for n in range(12)]
    with ThreadPoolExecutor(6) as threads:
        arrays = threads.map(lambda array: read(shared, file_of(array)), pictures)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, arrays, strict=True))


def test_a_refusal_of_the_server_reaches_the_caller_and_the_next_is_read(shared: Decoders) -> None:
    def refuse(head: Head) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shared.read_bytes(PNG, "a", refuse, 30)
    assert np.array_equal(read(shared, PNG), SOURCE)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"text", "is not a picture"), (PNG[:300], "it is damaged, or cut short"), (b"", "is not a picture")],
)
def test_what_is_broken_is_reported_in_our_words(shared: Decoders, data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        read(shared, data)
    assert not isinstance(caught.value, CostlyPictureError)


@pytest.mark.parametrize("data", [jpeg_of_scans(500), overlong_png()])
def test_what_holds_too_much_is_costly(shared: Decoders, data: bytes) -> None:
    with pytest.raises(CostlyPictureError):
        read(shared, data)


def test_who_takes_too_much_processor_time_is_ended_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Decoders(1)
    assert np.array_equal(read(made, PNG), SOURCE)
    with monkeypatch.context() as small:
        small.setattr(decoders, "HEAD_SECONDS", 0.001)
        small.setattr(decoders, "_MEGAPIXEL_SECONDS", 0.001)
        with pytest.raises(CostlyPictureError, match="of processor time to decode"):
            read(made, file_of(noise(3000, 3000), "PNG", compress_level=1))
    assert np.array_equal(read(made, PNG), SOURCE)
    made.close()


def test_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    program = [*decoders._PROGRAM[:-1], "150000000"]
    made = Decoders(1, program)
    with pytest.raises(UserError):
        read(made, file_of(np.zeros((5000, 5000, 3), np.uint8), "JPEG"))
    assert np.array_equal(read(made, PNG), SOURCE)
    made.close()


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "import sys; sys.exit(3)",
        "import sys; sys.stdout.write('x' * 10**6)",
        _TAKEN_OVER,
    ],
)
def test_a_process_that_does_not_answer_as_it_should_is_ended(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "_GRACE_SECONDS", 0.2)
    made = Decoders(1, [sys.executable, "-c", code])
    start = time.monotonic()
    for _ in range(2):  # another one is started
        with pytest.raises(CostlyPictureError, match=r"not decoded within 0\.3 seconds"):
            read(made, PNG, seconds=0.3)
    assert time.monotonic() - start < 30
    made.close()


def test_the_processes_load_no_torch_and_end_with_the_pool() -> None:
    made = Decoders(1)
    read(made, PNG)
    decoder = made._idle.get()
    assert decoder
    maps = Path(f"/proc/{decoder._process.pid}/maps")
    if maps.exists():
        assert "torch" not in maps.read_text()
    made._idle.put(decoder)
    made.close()
    assert decoder._process.poll() == 0
