"""What the benchmarks share: clocks, the machine's own peak, and this package's step, fed."""

import platform
import statistics
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from pix2pix.config import Config
from pix2pix.data.batches import Loader
from pix2pix.data.feed import PacketSource, find_feed, packets, sent
from pix2pix.data.origins import find_data
from pix2pix.data.reading import find_reading
from pix2pix.data.store import open_store
from pix2pix.device import pick_precision, set_precision
from pix2pix.networks.noise import noise_keys
from pix2pix.training.distributed import ALONE
from pix2pix.training.loop import ENGINES
from pix2pix.training.state import Meter, new_state
from pix2pix.training.step import EngineContext


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median_seconds(work, device, groups=7, times=1):
    """Return the median seconds of a call over groups, each between two waits for the device."""
    seconds = []
    for _ in range(groups):
        wait(device)
        start = time.perf_counter()
        for _ in range(times):
            work()
        wait(device)
        seconds.append((time.perf_counter() - start) / times)
    return statistics.median(seconds)


def matrix_peak(device, side, dtype):
    """FLOP/s of a product of two square matrices of random numbers."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    return 2 * side**3 / median_seconds(lambda: a @ b, device, times=3)


def machine(device):
    """Return the facts that a figure depends on."""
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(),
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        facts |= {
            "gpu": torch.cuda.get_device_name(device),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
        return facts
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return facts | {"processor": line.partition(":")[2].strip()}
    return facts


def write_noise_pairs(folder, count, px):
    """Side-by-side JPEGs of smoothed noise: only their size matters, and that halves meet in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for n in range(count):
        both = Image.new("RGB", (2 * px, px))
        for left in (0, px):
            small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
            both.paste(small.resize((px, px), Image.Resampling.BICUBIC), (left, 0))
        both.save(folder / f"{n}.jpg", quality=90)
    return folder


def open_loader(folder, config):
    """The package's own way from a folder to a loader."""
    pairs = find_data([folder], config.data)
    reading = find_reading(pairs.splits["train"], config)
    config = config.with_channels(reading.source.tensor_channels, reading.target.tensor_channels)
    store = open_store(pairs.splits["train"], config.data.resize, reading)
    return config, Loader(store, config.data, config.training.batch, config.training.seed)


def config_for(px, width, batch, *settings):
    field = 70 if px >= 64 else 16
    return Config.load(
        None,
        [
            f"data.size_px={px}",
            f"model.width={width}",
            f"model.discriminator_width={width}",
            f"model.discriminator_px={field}",
            f"training.batch={batch}",
            "data.source=right",
            "training.images=80000",
            *settings,
        ],
    )


class Steps:
    """An engine with its feed, ready for steps.

    `started` are the seconds until the first step was done, `logged` what the engine reported.
    """

    def __init__(self, folder, config, device, engine, precision, feed=find_feed):
        start = time.perf_counter()
        config, loader = open_loader(folder, config)
        precision = pick_precision(precision, device)
        set_precision(precision)
        self.device, self.config = device, config
        self.state, self.meter, self.logged = new_state(config, device), Meter(device), []
        feed = feed(loader, device)
        context = EngineContext(self.state, config, feed, self.meter, device, precision)
        self.source = PacketSource(feed, device, ALONE.share, partial(noise_keys, config.training.seed))
        self._opened = ExitStack()
        self.step_on = self._opened.enter_context(ENGINES[engine](context, self.packet(), self.logged.append))
        self._coming = packets(self.source, 0)
        self.step()
        wait(device)
        self.started = time.perf_counter() - start

    def packet(self):
        """Return the packet that comes next for the state."""
        return sent(self.source.packet(self.state.images_seen), self.device)

    def step(self):
        self.step_on(next(self._coming))

    def steps(self, count):
        for _ in range(count):
            self.step()

    def restart(self):
        """Take packets from where the state is now."""
        self._coming.close()
        self._coming = packets(self.source, self.state.images_seen)

    def close(self):
        self._coming.close()
        self._opened.close()


def gflop_a_step(folder, px, width, batch):
    """Of the plain step, counted by torch from the shapes of its products and convolutions."""
    cpu = torch.device("cpu")
    steps = Steps(folder, config_for(px, width, batch), cpu, "plain", "fp32")
    with FlopCounterMode(display=False) as counter:
        steps.step()
    steps.close()
    return counter.get_total_flops() / 1e9
