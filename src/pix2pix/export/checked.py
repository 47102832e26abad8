"""The way of every export: trace, write, read back, compare; only then the file gets its name."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pix2pix.config import Mode
from pix2pix.export.compare import Difference, Run, compare, comparison_sources
from pix2pix.export.facts import facts
from pix2pix.export.precision import Precision
from pix2pix.files import replacing
from pix2pix.inference.translator import Translator
from pix2pix.networks.graph import Graph
from pix2pix.progress import Progress

# Writes a graph with its facts to a path, and gives what runs the file that was written.
Writer = Callable[[Graph, dict[str, Any], Path], Run]


@dataclass(frozen=True)
class Exported:
    """A file that was written, its inputs with their shapes, how far it is from the package.

    `facts` is what the file says of itself.
    """

    path: Path
    size_bytes: int
    inputs: dict[str, list[int | str]]
    difference: Difference
    facts: dict[str, Any]


def export_checked(
    model: Path,
    out: Path,
    write: Writer,
    *,
    precision: Precision,
    mode: Mode | None,
    dynamic: bool,
    progress: Progress | None,
) -> Exported:
    """Write a model file's generator, in its own mode unless given, whole or not at all.

    Raises UserError where the file cannot be written, the model lacks the mode, or what was written
    differs from the package by more than the precision's tolerance.
    """
    progress = progress or Progress()
    translator = Translator.load(model, "cpu")
    header = translator.header
    chosen, size_px = mode or header.mode, header.config.data.size
    graph = Graph(translator.generator, chosen, size_px, dynamic=dynamic)
    about = facts(graph, header, model, precision)
    sources = comparison_sources(translator, model, dynamic=dynamic)
    with replacing(out) as temporary, _closing(progress):
        temporary.touch()  # a folder that refuses says so now, not after the work
        progress.update("exporting", 0, 2, "steps", "writing the graph")
        with _quiet():
            run = write(graph, about, temporary)
        progress.update("exporting", 1, 2, "steps", "comparing it with the package")
        difference = compare(run, translator, graph.mode, graph.noise, sources)
        difference.check(precision)
        progress.update("exporting", 2, 2, "steps")
    return Exported(out, out.stat().st_size, graph.shapes(), difference, about)


@contextmanager
def _closing(progress: Progress) -> Iterator[None]:
    try:
        yield
    finally:
        progress.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the user what exporters tell developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
