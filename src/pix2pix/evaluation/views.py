"""An example as a person sees it: pictures (H, W, 3) of 8 bits by what they are."""

from __future__ import annotations

import numpy as np

from pix2pix.evaluation.subjects import Example, FolderSubject, ModelSubject, Subject
from pix2pix.pictures.conform import as_map, to_view
from pix2pix.pictures.contract import PictureContract
from pix2pix.pictures.tensors import to_array


def views(subject: Subject, example: Example) -> dict[str, np.ndarray]:
    """Return source (of a model), output, target, and the spread over variants if there are any."""
    if isinstance(subject, ModelSubject) and example.source is not None:
        reading = subject.reading
        source = to_array(example.source, reading.source)
        output, target = (to_array(t, reading.target) for t in (example.output, example.target))
        seen, made = reading.view(source, output)
        pictures = {"source": seen, "output": made, "target": reading.view(source, target)[1]}
    else:
        contract = subject.contract if isinstance(subject, FolderSubject) else PictureContract()
        halves = {"output": example.output, "target": example.target}
        pictures = {name: to_view(to_array(half, contract), contract) for name, half in halves.items()}
    if example.variants is not None:
        pictures["spread"] = as_map(example.variants.std(0, correction=0).mean(0).numpy())
    return pictures
