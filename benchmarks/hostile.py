"""What ten hostile clients take from 64 honest ones of `pix2pix serve`.

command: python benchmarks/hostile.py [MODEL] [--seconds 60]
The honest clients are those of `serving.py`. They are measured alone, with the hostile ones, and alone
again; a request is lost where its connection breaks or its status is neither 200 nor 503 (which they
repeat). The hostile ones, all at once, without a pause: JPEGs of 30,000 scans (2) and of 100 (1), a PNG
of 16 bits with 100 MB behind its last row (1), flat pictures of 3.2 megapixels (2), 300 silent
connections (1), a header that never ends (1), answers that nobody reads (1), bodies that break off (1).
"""

import argparse
import asyncio
import io
import struct
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from serving import SIZE_PX, answer, client, metrics, start_server, untrained

from pix2pix.datasets.sample import make_pair
from pix2pix.pictures.codec import to_bytes

HONEST = 64


def jpeg_of_scans(count, side_px):
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (side_px, side_px), np.uint8)
    Image.fromarray(noise).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last = whole.rfind(b"\xff\xda")
    scan = min((whole[last:-2], whole[last : last + 40]), key=len)
    return whole[:-2] + scan * count + whole[-2:]


def overlong_png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(100_000_000), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


def request_of(name, picture, claimed=None):
    return (
        f"POST /api/models/{name}/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        f"Content-Length: {claimed or len(picture)}\r\n\r\n"
    ).encode() + picture


async def until_ended(work, end, counts):
    """Repeat an attack, whatever the server does to it."""
    while time.perf_counter() < end:
        try:
            counts[await asyncio.wait_for(work(), end - time.perf_counter() + 1)] += 1
        except (OSError, EOFError, TimeoutError):
            counts["closed"] += 1


def attacks(port, name):
    """Return the ten, as functions that do one round each."""

    def posting(picture):
        async def round_of():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return (await answer(reader, writer, request_of(name, picture)))[0]
            finally:
                writer.close()

        return round_of

    async def silent():
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        await held[0][0].read()
        for _, writer in held:
            writer.close()
        return "closed"

    async def drips():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not reader.at_eof():
            writer.write(b"X")
            await writer.drain()
            await asyncio.sleep(1)

    async def reads_nothing():
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.pause_reading()
        writer.write(request_of(name, small) * 20)
        await asyncio.sleep(10)
        writer.transport.abort()
        return "unread"

    async def breaks_off():
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_of(name, small, 2 * len(small)))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
        return "broken off"

    small = to_bytes(make_pair(0, 0, SIZE_PX)[0], "png")
    flat = to_bytes(np.full((1792, 1792, 3), 128, np.uint8), "png")
    scans = posting(jpeg_of_scans(30_000, 64))
    return [
        *(scans, scans, posting(jpeg_of_scans(85, 1000)), posting(overlong_png())),
        *(posting(flat), posting(flat), silent, drips, reads_nothing, breaks_off),
    ]


async def honest(port, name, seconds, label):
    """Return pictures a second; prints what became of the requests."""
    request = request_of(name, to_bytes(make_pair(0, 0, SIZE_PX)[0], "png"))
    times, statuses = [], Counter()
    start = time.perf_counter()
    ended = await asyncio.gather(
        *(client(port, request, start + seconds, times, statuses) for _ in range(HONEST)),
        return_exceptions=True,
    )
    lost = sum(isinstance(one, Exception) for one in ended)
    lost += sum(count for status, count in statuses.items() if status not in (200, 503))
    rate, times = len(times) / (time.perf_counter() - start), sorted(times)
    memory = (await metrics(port))[0]
    print(
        f"{label:<12} {rate:6.2f} pictures/s, p50 {times[len(times) // 2]:.2f} s, p99 "
        f"{times[int(len(times) * 0.99)]:.2f} s, answers {dict(statuses)}, lost {lost}, {memory:.0f} MB",
        flush=True,
    )
    return rate


async def compare(port, name, seconds):
    await honest(port, name, 5, "warm")
    before = await honest(port, name, seconds, "alone")
    counts = Counter()
    end = time.perf_counter() + seconds
    hostile = asyncio.gather(*(until_ended(work, end, counts) for work in attacks(port, name)))
    during = await honest(port, name, seconds, "with ten")
    await hostile
    after = await honest(port, name, seconds, "alone again")
    print(f"hostile      {dict(counts)}")
    print(f"kept         {during / ((before + after) / 2):.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or untrained(Path(folder) / "untrained.safetensors")
        server, name, port = start_server(model)
        try:
            asyncio.run(compare(port, name, options.seconds))
        finally:
            start = time.perf_counter()
            server.terminate()
            print(f"server's end exit code {server.wait()} after {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
