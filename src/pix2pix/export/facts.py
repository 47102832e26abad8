"""What an exported file says of itself."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pix2pix.model_file import Header, model_path, versions
from pix2pix.networks.graph import Graph

FORMAT = 1


def facts(graph: Graph, header: Header, model: Path, precision: str) -> dict[str, Any]:
    """What an exported file says of itself, as JSON holds it."""
    image = header.image.model_dump(mode="json")
    with model_path(model).open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return {
        "format": FORMAT,
        "mode": graph.mode,
        "precision": precision,
        "size_px": list(graph.size_px),
        "multiple_px": graph.multiple_px,
        "dynamic": graph.dynamic,
        "noise": [asdict(one) for one in graph.noise],
        **{key: image[key] for key in ("source", "target", "made", "photograph")},
        "model_digest": digest,
        "versions": versions(),
    }
