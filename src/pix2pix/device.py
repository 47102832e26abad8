"""Where the arithmetic runs, and how it is kept repeatable."""

from __future__ import annotations

import contextlib
import ctypes

import torch

from pix2pix.errors import UserError

# What torch says where it has no type for it: on Linux, on Windows, on Apple's GPUs.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")

# Parameters of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is the first GPU there is, or the processor.

    Raises UserError for a name torch does not know or a device that is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).item()  # meta devices hold no numbers
        if device.type == "cpu" and device.index:
            raise RuntimeError("there is one processor")
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError(
            f"There is no device '{name}' here.", f"Use --device {', '.join(_present())}."
        ) from None
    return device


def describe(device: torch.device) -> str:
    """The device in words: a GPU's name, or the processor with its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    threads = f" ({count} thread{'s' * (count > 1)})" if device.type == "cpu" else ""
    return f"{device.type}{threads}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory, on a GPU or on the processor."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


def keep_freed_memory() -> None:
    """Have the C library keep what is freed: a network asks for the same sizes again and again.

    By default glibc hands large blocks back to the system, which clears them before they come
    again: a fifth of a translation's processor time. Other C libraries are left as they are.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_MMAP_THRESHOLD, 2**25)  # the most that it takes


def _present() -> list[str]:
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found + [f"cuda:{i}" for i in range(torch.cuda.device_count())]
