"""The device that computes, and the precision of its products."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal, cast, get_args

import torch

from pix2pix.errors import UserError

# Messages of torch's errors that have no type: on Linux, on Windows, on Apple's GPUs.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")

# Of products and convolutions alone: statistics, losses and the optimiser are always float32.
# tf32 keeps 10 bits of a float32's mantissa and all of its range, bf16 keeps 7.
Precision = Literal["fp32", "tf32", "bf16"]

# Parameters of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; `auto` is the current GPU, or the processor.

    A GPU gets its number and becomes the calling thread's current one, which streams and captures
    use. Raises UserError for a name that torch does not know and for a device that is missing.
    """
    try:
        device = torch.device(_fastest() if name == "auto" else name)
        if name != "auto":
            torch.empty(1, device=device).item()  # fails on meta devices, which hold no numbers
        if device.type == "cpu" and device.index:
            raise RuntimeError("there is one processor")
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError(
            f"There is no device '{name}' here.", f"Use --device {', '.join(present_devices())}."
        ) from None
    if device.type == "cuda":
        device = torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
        torch.cuda.set_device(device)  # refuses a device without a number
    return device


def present_devices() -> list[str]:
    """Return the names of the devices of this machine."""
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *mps, *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def on_device(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the thread's current one in a block: a new thread begins on the first."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold Python's garbage collector in a block: a capture fails where it frees an older graph."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def pick_precision(name: str, device: torch.device) -> Precision:
    """Return the precision of that name; `auto` is bf16 on a GPU that has it, else fp32.

    Raises UserError for another name, and for tf32 or bf16 on a device without it.
    """
    tensor_cores = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    if name == "auto":
        return "bf16" if tensor_cores else "fp32"
    if name not in get_args(Precision):
        raise UserError(f"--precision {name} is unknown: wanted auto, {', '.join(get_args(Precision))}.")
    if not tensor_cores and (name == "tf32" or (name == "bf16" and device.type == "cuda")):
        raise UserError(
            f"{describe(device)} has no {name}: NVIDIA's GPUs have it from Ampere on.",
            "Use --precision fp32.",
        )
    return cast(Precision, name)


def set_precision(precision: Precision) -> None:
    """Allow or forbid tf32 in float32 products on GPUs: torch has one switch for the process."""
    torch.backends.cuda.matmul.allow_tf32 = precision != "fp32"
    torch.backends.cudnn.allow_tf32 = precision != "fp32"


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Keep float32's whole mantissa in a GPU's float32 convolutions, in a block."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def computing(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Compute products in the precision in a block, whatever that of the weights."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def describe(device: torch.device) -> str:
    """Return the device in words: a GPU's name, or the processor with its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    threads = f" ({count} thread{'s' * (count > 1)})" if device.type == "cpu" else ""
    return f"{device.type}{threads}"


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether torch or Python ran out of memory, on a GPU or on the processor."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


@contextmanager
def explain_out_of_memory(device: torch.device, doing: str, hint: str) -> Iterator[None]:
    """Turn running out of memory in a block into a UserError that says what was under way."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise UserError(f"Out of memory on {describe(device)} while {doing}.", hint) from None
        raise


def free_memory(device: torch.device) -> int | None:
    """Return the bytes of memory that are free on a device; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = []
    with suppress(OSError, ValueError, IndexError):
        facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text("utf-8").splitlines())
        free.append(int(facts["MemAvailable"].split()[0]) * 1024)
        # A container may have less than the machine.
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / f"memory.{name}").read_text("utf-8") for name in ("max", "current"))
        free.append(int(limit) - int(used))
    return min(free) if free and device.type == "cpu" else None


def keep_freed_memory() -> None:
    """Make glibc keep freed memory: a network allocates the same sizes again and again.

    By default glibc returns large blocks to the system, which clears them before they are used
    again: a fifth of a translation's processor time. Other C libraries are left as they are.
    """
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_MMAP_THRESHOLD, 2**25)  # its maximum


def give_back_memory() -> None:
    """Return what `keep_freed_memory` has kept to the system."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _fastest() -> str:
    without_cuda = "mps" if torch.backends.mps.is_available() else "cpu"
    return "cuda" if torch.cuda.is_available() else without_cuda
