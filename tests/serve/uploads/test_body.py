import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from starlette.datastructures import Headers

from pix2pix.serve.errors import RequestError
from pix2pix.serve.uploads.body import read_body
from pix2pix.serve.uploads.limits import Budget, Limits

LIMITS = Limits(megapixels=0.01, seconds=0.05)
PNG = Headers({"content-type": "image/png"})


async def chunks(parts: Sequence[bytes], pause: float = 0.0) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(pause)
        yield part


def refusal(headers: Headers, parts: Sequence[bytes], pause: float = 0.0) -> RequestError:
    kept: list[int] = []
    with pytest.raises(RequestError) as caught:
        asyncio.run(read_body(headers, chunks(parts, pause), LIMITS, kept.append))
    return caught.value


def test_a_body_in_pieces_is_put_together() -> None:
    kept: list[int] = []
    assert asyncio.run(read_body(PNG, chunks([b"a", b"", b"bc"]), LIMITS, kept.append)) == b"abc"
    assert kept == [1, 1, 3]


def test_a_body_that_claims_too_much_is_not_read() -> None:
    headers = Headers({"content-type": "image/png", "content-length": str(LIMITS.bytes + 1)})
    never = [b""] * 10**6
    assert refusal(headers, never).status == 413


def test_a_body_without_a_length_is_counted() -> None:
    endless = [bytes(100_000)] * 10**6
    assert refusal(PNG, endless).status == 413


def test_all_bodies_together_have_a_budget() -> None:
    budget = Budget(5, lambda: RequestError(503, "full"))

    async def read(body: bytes) -> bytes:
        with budget.share() as share:
            return await read_body(PNG, chunks([body]), LIMITS, share.hold)

    with budget.share() as share:
        share.hold(3)
        with pytest.raises(RequestError, match="full"):
            asyncio.run(read(b"abc"))
        assert asyncio.run(read(b"ab")) == b"ab"
    assert asyncio.run(read(b"abcde")) == b"abcde"
    assert budget.taken == 0


def test_a_slow_body_is_refused() -> None:
    error = refusal(PNG, [b"a"] * 1000, pause=0.02)
    assert error.status == 408
    assert "within 0.05 seconds" in error.message
