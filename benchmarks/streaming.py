"""Whether memory stays flat in the size of a set: many pairs generated, decoded, streamed.

command: python benchmarks/streaming.py [--pairs 50000] [--px 64]

RssAnon is what a process holds of its own: mapped files, which the system may drop, do not count.
"""

import argparse
import os
import tempfile
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from measure import config_for, open_loader
from PIL import Image

from pix2pix.data import store
from pix2pix.data.feed import HostFeed, PacketSource, packets

EARLY = 2_000


def anonymous_mb():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")


def write_pairs(folder, count, px):
    """Side by side, each from its number: a gradient and its negative."""
    folder.mkdir()
    ramp = np.arange(px, dtype=np.uint8)
    for n in range(count):
        rows, columns = ramp[:, None] + 0 * ramp, 0 * ramp[:, None] + ramp
        left = np.stack([rows * (n % 7) + columns, rows + np.uint8(n % 251), columns], 2)
        pair = np.concatenate([left, 255 - left], axis=1)
        Image.fromarray(pair).save(folder / f"{n:06d}.png", compress_level=1)


def report(what, seconds):
    opened = len(os.listdir("/proc/self/fd"))
    print(f"{what:<34}{anonymous_mb():9.1f} MB   {opened:4d} open files   {seconds:7.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--px", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PIX2PIX_CACHE"] = f"{folder}/cache"
        start = time.perf_counter()
        pairs = Path(folder) / "pairs"
        write_pairs(pairs, arguments.pairs, arguments.px)
        report("pairs written", time.perf_counter() - start)
        stream(pairs, arguments, start)


def stream(pairs, arguments, start):
    config = config_for(arguments.px, 32, 16)
    in_parallel = store.in_parallel

    def watched(*work):
        for done, item in enumerate(in_parallel(*work), 1):
            yield item
            if done == EARLY:
                report(f"{done:,} pairs decoded", time.perf_counter() - start)

    store.in_parallel = watched
    config, loader = open_loader(pairs, config)
    report(f"{len(loader.store):,} pairs decoded", time.perf_counter() - start)
    on_disk = sum(f.stat().st_size for f in store.cache_folder().iterdir()) / 2**20
    line = PacketSource(HostFeed(loader), torch.device("cpu"), lambda all: all, lambda keys: keys)
    begun, batch = time.perf_counter(), config.training.batch
    with closing(packets(line, 0)) as coming:
        for step, packet in enumerate(islice(coming, arguments.pairs // batch), 1):
            line.feed.pictures(*packet.tensors)
            if step == EARLY // batch:
                report(f"{step * batch:,} images streamed", time.perf_counter() - start)
    report(f"{arguments.pairs:,} images streamed", time.perf_counter() - start)
    speed = arguments.pairs / (time.perf_counter() - begun)
    print(f"{speed:,.0f} images a second; the cache takes {on_disk:,.0f} MiB on disk")


if __name__ == "__main__":
    main()
