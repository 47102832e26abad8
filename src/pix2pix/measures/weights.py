"""Weights of published networks, in torch's cache ($TORCH_HOME): nothing is fetched unless requested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pix2pix.errors import UserError
from pix2pix.pth import read_pth


def cached(pattern: str) -> Path | None:
    """Return the file of torch's cache that a pattern stands for, or None."""
    return next(iter(sorted(_folder().glob(pattern))), None)


def fetched(url: str) -> Path:
    """Return the file of an address, fetched into torch's cache unless it is there.

    Raises UserError where it cannot be fetched; a part of a file never stays.
    """
    name = url.rpartition("/")[2]
    path = _folder() / name
    if path.is_file():
        return path
    prefix = name.removesuffix(".pth").rpartition("-")[2]  # of the file's SHA-256, by torch's custom
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), prefix, progress=False)
    except (OSError, RuntimeError) as error:
        reason = str(getattr(error, "reason", error))
        raise UserError(
            f"Cannot fetch {url}: {reason.rstrip('.')}.",
            f"Fetch that file on a machine that can, and put it at {path}.",
        ) from None
    return path


def read_weights(path: Path, network: str) -> dict[str, Any]:
    """Return the tensors of a .pth; nothing else in it is unpickled. Raises UserError for any other file."""
    try:
        return read_pth(path)
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror or error}.") from None
    except Exception:  # torch raises what the broken place happens to raise
        raise wrong_weights(path, network) from None


def wrong_weights(path: Path, network: str) -> UserError:
    """Return the error of a file that is not the weights of a network."""
    return UserError(f"{path} does not hold the weights of {network}.", "Fetch the file again.")


def _folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"
