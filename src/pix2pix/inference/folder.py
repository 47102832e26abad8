"""Pictures from file to file through a translator: bad ones skipped and named."""

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pix2pix.device import is_out_of_memory
from pix2pix.errors import UserError, in_short
from pix2pix.inference import large
from pix2pix.inference.items import Item, Options
from pix2pix.inference.large import Report
from pix2pix.inference.sources import restored
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec, geometry, masks, windows
from pix2pix.pictures.codec import Array
from pix2pix.pictures.conform import as_map

Write = Callable[[Array, Path], None]


class Opened(NamedTuple):
    """A source, and the picture that it was made of: their sizes differ where it was scaled."""

    source: Array
    picture: Array


def translate_items(
    translator: Translator,
    items: Sequence[Item],
    options: Options,
    progress: Callable[[int, int], None] = lambda done, total: None,
    note: codec.OnNote = codec.no_note,
    streaming: Report | None = None,
) -> list[str]:
    """Translate and write every picture; return one sentence for each that could not be read.

    Threads read ahead of the network and write behind it, each by a batch or two, so that memory
    does not grow with the number of pictures. `note` receives a sentence about what is left out of a
    picture that is translated. Pictures larger than the memory are streamed, one at a time, and report
    to `streaming`.

    Raises UserError where none could, where an output cannot be written, or (`strict`) at the first
    that cannot be read.
    """
    failures: list[str] = []
    cores, done = os.cpu_count(), 0
    # Finished translations are written whatever fails after them: writers are never cancelled.
    with ThreadPoolExecutor(cores) as readers, ThreadPoolExecutor(cores) as writers:
        try:
            written = deque[Future[None]]()
            coming = _in_order(readers, translator, items, options, note)
            while batch := list(islice(coming, options.batch)):
                read = [(item, reading.result()) for item, reading in batch]
                errors = [opened for _, opened in read if isinstance(opened, UserError)]
                if errors and (options.strict or len(items) == 1):
                    raise errors[0]
                failures += map(str, errors)
                sources = [(item, opened) for item, opened in read if isinstance(opened, Opened)]
                for write, picture, path in _translated(translator, sources, options):
                    written.append(writers.submit(write, picture, path))
                while len(written) > options.batch:
                    written.popleft().result()
                alone = [item for item, opened in read if opened is None]
                failures += large.translate_alone(
                    translator, alone, options, streaming or Report(), strict=len(items) == 1
                )
                done += len(batch)
                progress(done, len(items))
            for writing in written:
                writing.result()
        except BaseException:
            readers.shutdown(cancel_futures=True)  # else everything in the queue would be read first
            raise
    if len(failures) == len(items):
        raise UserError(in_short(failures), f"None of the {len(items)} files could be translated.")
    return failures


def _in_order(
    pool: ThreadPoolExecutor,
    translator: Translator,
    items: Sequence[Item],
    options: Options,
    note: codec.OnNote,
) -> Iterator[tuple[Item, Future[Opened | UserError | None]]]:
    """Yield the items in order, each being read by a thread, at most two batches ahead of their use."""
    ahead = deque[tuple[Item, Future[Opened | UserError | None]]]()
    for item in items:
        ahead.append((item, pool.submit(_open, item, translator, options, note)))
        if len(ahead) > 2 * options.batch:
            yield ahead.popleft()
    yield from ahead


def _open(
    item: Item, translator: Translator, options: Options, note: codec.OnNote = codec.no_note
) -> Opened | UserError | None:
    """Return the source as the network was fed in training, or the error that names the file.

    None where `large` translates it.
    """
    try:
        with closing(windows.open_rows(item.source)) as rows:
            if large.goes_alone(translator, rows, item, options):
                return None
        array = geometry.half(codec.read(item.source, note), options.half, str(item.source))
        source = translator.source(array, str(item.source), options.make, item.key, options.size)
        return Opened(source, source if options.size is None else array)
    except UserError as error:
        return error


def _translated(
    translator: Translator, sources: Sequence[tuple[Item, Opened]], options: Options
) -> Iterator[tuple[Write, Array, Path]]:
    """Yield what is to be written of a batch of sources: how, the picture, and where."""
    try:
        if options.samples > 1:
            for item, opened in sources:
                yield from _variants(translator, item, opened, options)
            return
        arrays = [opened.source for _, opened in sources]
        batch = large.fitting_batch(translator, arrays, options.batch) if arrays else 1
        outputs = translator.translate_sources(arrays, mode=options.mode, seed=options.seed, batch=batch)
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            largest = max((math.prod(opened.source.shape[:2]), item.source) for item, opened in sources)
            raise UserError(
                f"Out of memory with {len(sources)} pictures at a time, the largest {largest[1]} of "
                f"{largest[0] / 1e6:.1f} megapixels.",
                "Use --stream, lower --batch, or use --device cpu.",
            ) from None
        raise
    for output, (item, opened) in zip(outputs, sources, strict=True):
        picture = restored(translator.header.image, output, opened.picture)
        yield _writer(item, translator), picture, item.output


def _variants(
    translator: Translator, item: Item, opened: Opened, options: Options
) -> Iterator[tuple[Write, Array, Path]]:
    """Yield the variants, and a map of their spread: white at its maximum."""
    result = translator.variants_of(opened.source, options.samples, mode=options.mode, seed=options.seed)
    *paths, last = item.outputs(options.samples)
    write, image = _writer(item, translator), translator.header.image
    for picture, path in zip(result.pictures, paths, strict=True):
        yield write, restored(image, picture, opened.picture), path
    height, width = opened.picture.shape[:2]
    yield codec.write, geometry.resize(as_map(result.spread), (height, width)), last


def _writer(item: Item, translator: Translator) -> Write:
    target = translator.header.image.target
    return (
        partial(masks.write, contract=target) if item.as_targets else partial(codec.write, fill=target.fill)
    )
