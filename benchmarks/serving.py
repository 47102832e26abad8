"""How much of the bare network's throughput `pix2pix serve` reaches, with 64 clients at once.

command: python benchmarks/serving.py [MODEL] [--seconds 60]
Without a model one of width 32 for 256 px is made, untrained. The bare network runs before and
after, in its own process, on ready tensors, with the server's workers, threads and batches.
The clients are one process that sends one PNG again and again and does not decode the answers; its
share of the processor is printed, because it is missing from the server's. Processor time a picture
says the same as the ratio, and is steadier where other processes have work.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the command line sets it

import torch

from pix2pix.config import Config
from pix2pix.datasets.sample import make_pair
from pix2pix.device import keep_freed_memory
from pix2pix.inference.translator import Translator
from pix2pix.model_file import Header, ImageContract, Provenance, save_model, versions
from pix2pix.networks import build_generator
from pix2pix.networks.modes import in_mode
from pix2pix.networks.noise import noise_keys
from pix2pix.pictures.codec import to_bytes
from pix2pix.pictures.contract import PictureContract
from pix2pix.serve.workers import shape_of_work

SIZE_PX = 256


def untrained(path):
    """Write a model whose weights are large enough that its pictures are not flat."""
    config = Config.load(None, [f"data.size_px={SIZE_PX}", "model.width=32"]).with_channels(3, 3)
    rgb = PictureContract()
    header = Header(
        config=config,
        image=ImageContract(source=rgb, target=rgb, layout="two folders", half="left"),
        mode="paper",
        provenance=Provenance(images_seen=0, pairs=0, data_digest="", scores={}, versions=versions()),
    )
    generator = build_generator(config)
    with torch.no_grad():
        for weight in generator.parameters():
            weight.mul_(5)
    save_model(path, generator, header)
    return path


def bare(model, seconds):
    """Run the network alone, on the server's workers: pictures a second, processor seconds a picture."""
    keep_freed_memory()
    translator = Translator.load(model, "cpu")
    count, largest_px = shape_of_work(translator.device)
    threads = max(1, torch.get_num_threads() // count)
    batch = max(1, largest_px // SIZE_PX**2)
    done = [0] * count
    end = time.perf_counter() + seconds

    @torch.inference_mode()
    def work(number):
        torch.set_num_threads(threads)
        generator = translator.share().generator
        x = torch.rand(batch, generator.source_channels, SIZE_PX, SIZE_PX) * 2 - 1
        with in_mode(generator, "paper"):
            while time.perf_counter() < end:
                generator(x, noise_keys(0, torch.zeros(batch, dtype=torch.int64)))
                done[number] += batch

    workers = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    cpu = time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / seconds, (time.process_time() - cpu) / sum(done)


def bare_apart(model, seconds):
    command = [sys.executable, __file__, str(model), "--bare", "--seconds", str(seconds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate, cpu = map(float, output.split())
    print(f"bare network    {rate:6.2f} pictures/s, {cpu * 1000:.1f} ms of processor each")
    return rate


def start_server(model):
    command = [sys.executable, "-m", "pix2pix", "serve", str(model), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    name, port = re.search(r"serves (\S+) at http://127\.0\.0\.1:(\d+)/", line).groups()
    return server, name, int(port)


async def answer(reader, writer, request):
    """Send a request and return its answer: status and body."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    body = await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))
    return int(head[9:12]), body


async def client(port, request, end, times, statuses):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (start := time.perf_counter()) < end:
        status, _ = await answer(reader, writer, request)
        statuses[status] += 1
        if status == 200:
            times.append(time.perf_counter() - start)
        else:
            await asyncio.sleep(0.2)
    writer.close()


def processor_seconds(pid):
    """Return what a process and those that it started have used."""
    used, waiting = 0, [pid]
    while waiting:
        process = Path(f"/proc/{waiting.pop()}")
        used += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
        waiting += (process / "task" / process.name / "children").read_text().split()
    return used / os.sysconf("SC_CLK_TCK")


async def metrics(port):
    """Return the server's memory in MB, without that of its decode processes, and its mean batch."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _, body = await answer(reader, writer, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    writer.close()
    values = dict(line.rsplit(" ", 1) for line in body.decode().splitlines() if line[0] != "#")
    return (
        float(values["process_resident_memory_bytes"]) / 1e6,
        float(values["pix2pix_batch_pictures_sum"]) / max(1, float(values["pix2pix_batch_pictures_count"])),
    )


async def load(pid, port, name, clients, seconds, accept):
    source, _ = make_pair(0, 0, SIZE_PX)
    picture = to_bytes(source, "png")
    request = (
        f"POST /api/models/{name}/translate HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
        f"Content-Type: image/png\r\nContent-Length: {len(picture)}\r\n\r\n"
    ).encode() + picture
    warm = time.perf_counter() + 3
    await asyncio.gather(*(client(port, request, warm, [], Counter()) for _ in range(4)))
    times, statuses = [], Counter()
    cpu_before = processor_seconds(pid)
    own_before, start = time.process_time(), time.perf_counter()
    running = asyncio.gather(
        *(client(port, request, start + seconds, times, statuses) for _ in range(clients))
    )
    await asyncio.sleep(min(10, seconds / 2))
    early, _ = await metrics(port)
    await running
    elapsed = time.perf_counter() - start
    own = time.process_time() - own_before
    cpu = processor_seconds(pid)
    late, batch = await metrics(port)
    lasted = sorted(times)
    p50, p99 = (lasted[int(len(lasted) * share)] for share in (0.5, 0.99))
    rate, each = len(times) / elapsed, (cpu - cpu_before) / len(times)
    print(f"served          {rate:6.2f} pictures/s, {each * 1000:.1f} ms of processor each")
    print(f"                {accept}, mean batch {batch:.2f}, p50 {p50:.2f} s, p99 {p99:.2f} s")
    print(f"answers         {dict(statuses)}")
    print(f"clients         {own / len(times) * 1000:.1f} ms of processor each")
    print(f"server memory   {early:.0f} MB early, {late:.0f} MB at the end")
    return rate


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--accept", default="image/png")
    parser.add_argument("--bare", action="store_true", help="only the network, in this process")
    options = parser.parse_args()
    if options.bare:
        print(*bare(options.model, options.seconds))
        return
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or untrained(Path(folder) / "untrained.safetensors")
        apart = min(20, options.seconds)
        before = bare_apart(model, apart)
        server, name, port = start_server(model)
        try:
            served = asyncio.run(
                load(server.pid, port, name, options.clients, options.seconds, options.accept)
            )
        finally:
            server.terminate()
            print(f"server's end    exit code {server.wait()}")
        after = bare_apart(model, apart)
    print(f"ratio           {served / statistics.mean([before, after]):6.3f}")


if __name__ == "__main__":
    main()
