import threading
import time
from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.serve.errors import RequestError
from pix2pix.serve.hosting import host
from pix2pix.serve.pool import Pool
from tests.helpers import write_model


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [write_model(tmp_path / f"{name}.safetensors") for name in "abc"]


def opened(paths: list[Path], fitting: float) -> Pool:
    """A pool with room for so many of the models."""
    return Pool(host(paths), int(paths[0].stat().st_size * fitting), "cpu")


def touch(pool: Pool, *names: str) -> None:
    for name in names:
        with pool.use(name):
            pass


def test_a_model_is_loaded_on_first_use_and_kept(paths: list[Path]) -> None:
    pool = opened(paths, 3)
    assert pool.loaded == []
    touch(pool, "b", "b", "a")
    assert (pool.loaded, pool.loads) == (["a", "b"], 2)


def test_the_least_recently_used_is_put_out(paths: list[Path]) -> None:
    pool = opened(paths, 2.5)
    touch(pool, "a", "b", "a", "c")
    assert pool.loaded == ["a", "c"]
    touch(pool, "b")
    assert pool.loaded == ["b", "c"]
    assert pool.loaded_bytes <= 2.5 * paths[0].stat().st_size


def test_a_model_in_use_stays_and_others_wait(paths: list[Path]) -> None:
    pool = opened(paths, 1.5)
    got, done = threading.Event(), threading.Event()

    def other() -> None:
        got.set()
        touch(pool, "b")
        done.set()

    with pool.use("a"):
        waiting = threading.Thread(target=other)
        waiting.start()
        assert got.wait(30)
        assert not done.wait(0.1)
        assert pool.loaded == ["a"]
    waiting.join(30)
    assert done.is_set()
    assert pool.loaded == ["b"]


def test_two_users_get_translators_of_their_own(paths: list[Path]) -> None:
    pool = opened(paths, 1)
    with pool.use("a") as one, pool.use("a") as other:
        assert one is not other
        assert one.generator is not other.generator
    with pool.use("a") as again:
        assert again in (one, other)
    assert pool.loads == 1


def test_an_error_inside_gives_the_translator_back(paths: list[Path]) -> None:
    pool = opened(paths, 1.5)
    with pytest.raises(ZeroDivisionError), pool.use("a"):
        raise ZeroDivisionError
    touch(pool, "b")
    assert pool.loaded == ["b"]


def test_a_model_over_the_limit_is_refused_at_once(paths: list[Path]) -> None:
    with pytest.raises(UserError, match=r"a\.safetensors takes .* GB.*Raise --memory"):
        opened(paths, 0.5)


def test_a_file_that_went_or_changed_is_reported(paths: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    pool = opened(paths, 1)
    paths[0].unlink()
    with pytest.raises(RequestError, match="cannot be loaded") as caught, pool.use("a"):
        pass
    assert caught.value.status == 503
    assert str(paths[0].parent) not in str(caught.value)
    assert str(paths[0]) in caplog.text
    paths[1].write_bytes(b"half of a copy")
    with pytest.raises(RequestError, match="cannot be loaded"), pool.use("b"):
        pass
    write_model(paths[2], "model.norm=instance")
    with pytest.raises(RequestError, match="is another one than"), pool.use("c"):
        pass
    assert pool.loaded == []
    write_model(paths[0])
    touch(pool, "a")


def waiting_for(pool: Pool, name: str, order: list[str]) -> threading.Thread:
    """A thread that takes the model when its turn comes; it waits in the queue already."""

    def work() -> None:
        with pool.use(name):
            order.append(name)

    thread, before = threading.Thread(target=work), len(pool._waiting)
    thread.start()
    while len(pool._waiting) == before:
        time.sleep(0.001)
    return thread


def test_who_waits_for_room_comes_before_later_users_of_a_loaded_model(paths: list[Path]) -> None:
    pool, order = opened(paths, 1.5), list[str]()
    with pool.use("a"):
        threads = [waiting_for(pool, name, order) for name in "ba"]
    for thread in threads:
        thread.join(30)
    assert order == ["b", "a"]


def test_who_waits_too_long_is_reported(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pix2pix.serve.pool._WAIT_SECONDS", 0.01)
    pool = opened(paths, 1.5)
    with pool.use("a"):
        with pytest.raises(RequestError, match=r"for 0\.01 seconds") as caught, pool.use("b"):
            pass
        touch(pool, "a")  # nobody is ahead any more
    assert caught.value.status == 503


def test_compiled_networks_count_and_are_made_only_where_they_fit(paths: list[Path]) -> None:
    pool, each = opened(paths, 4.5), paths[0].stat().st_size
    touch(pool, "b")
    with pool.use("a"):
        assert pool._may_compile(pool._places["a"])
        assert (pool.loaded_bytes, pool.loaded) == (4 * each, ["a", "b"])
        assert not pool._may_compile(pool._places["a"])
        assert (pool.loaded_bytes, pool.loaded) == (3 * each, ["a"])
    with pool.use("b"), pool.use("c"):
        assert pool.loaded_bytes == 2 * each
    touch(pool, "a")
    assert pool.loaded_bytes == 3 * each
