"""Where pairs come from. An origin is a function of DATA that returns its pairs, or None.

To add one, write `find(data, config)` in a new file and put it into ORIGINS, ahead of those
that would take the same DATA.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.data import hub, manifest
from pix2pix.data.pairs import PairSet, find_pairs, find_photographs

Origin = Callable[[Sequence[str], DataConfig], PairSet | None]


# The first that knows DATA finds its pairs; folders are the last, as they take anything.
ORIGINS: list[Origin] = [
    hub.find,
    manifest.find,
    lambda data, config: find_photographs([*map(Path, data)]) if config.make else None,
    lambda data, config: find_pairs([*map(Path, data)], config.source),
]


def find_data(data: Sequence[str | Path], config: DataConfig) -> PairSet:
    """Return the pairs that the arguments DATA of a command stand for.

    A folder of pairs or two folders; a .csv or .jsonl manifest; `hub:OWNER/NAME`; with `make`, a
    folder of photographs. Raises UserError where pictures are missing or names do not match.
    """
    words = [str(word) for word in data]
    answers = (find(words, config) for find in ORIGINS)
    return next(pairs for pairs in answers if pairs is not None)
