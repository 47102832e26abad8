"""Models in memory: loaded on first use, the least recently used put out by a limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.model_file import Header, model_path
from pix2pix.serve.problems import RequestError
from pix2pix.translator import Translator


@dataclass(eq=False)
class _Place:
    """A model's place in memory. `users` are lanes that work with it now."""

    path: Path
    header: Header
    size: int  # in bytes
    used: int = 0  # when it was taken last, on a clock that counts
    users: int = 0
    original: Translator | None = None
    idle: list[Translator] = field(default_factory=list)


class Pool:
    """Lends translators; all loaded models together stay within `limit` bytes."""

    def __init__(self, models: dict[str, tuple[Path, Header]], limit: int, device: str) -> None:
        """Raises UserError for a model that is larger than the limit by itself."""
        self._limit, self._device = limit, device
        self._places = {
            name: _Place(path, header, model_path(path).stat().st_size)
            for name, (path, header) in models.items()
        }
        self._changed = threading.Condition()
        self._clock = 0
        self.loads = 0
        for place in self._places.values():
            if place.size > limit:
                raise UserError(
                    f"{place.path} takes {place.size / 1e9:.3g} GB, and all models together may "
                    f"take {limit / 1e9:.3g}.",
                    "Raise --memory.",
                )

    @property
    def loaded(self) -> Sequence[str]:
        """The models in memory."""
        return [name for name, place in self._places.items() if place.original]

    @property
    def loaded_bytes(self) -> int:
        """What their weights take."""
        return sum(place.size for place in self._places.values() if place.original)

    @contextmanager
    def use(self, name: str) -> Iterator[Translator]:
        """The model's translator, for this thread alone until the block ends.

        Waits while models in use leave no room. Raises RequestError where the file has gone or
        changed since the start.
        """
        with self._changed:
            place = self._places[name]
            while not self._fits(place):
                self._changed.wait()
            # Loading under the lock: two lanes never load one model twice.
            original = place.original = place.original or self._load(place)
            translator = place.idle.pop() if place.idle else original.twin()
            place.users += 1
            self._clock += 1
            place.used = self._clock
        try:
            yield translator
        finally:
            with self._changed:
                place.users -= 1
                place.idle.append(translator)
                self._changed.notify_all()

    def _fits(self, wanted: _Place) -> bool:
        """Whether there is room, after those that nobody uses were put out, the oldest first."""
        if wanted.original:
            return True
        unused = [p for p in self._places.values() if p.original and not p.users]
        for place in sorted(unused, key=lambda p: p.used):
            if self.loaded_bytes + wanted.size <= self._limit:
                break
            place.original = None
            place.idle.clear()
        return self.loaded_bytes + wanted.size <= self._limit

    def _load(self, place: _Place) -> Translator:
        try:
            translator = Translator.load(place.path, self._device)
        except UserError as error:
            raise _unusable(f"The model cannot be loaded: {error.message}") from None
        if _told(translator.header) != _told(place.header):
            raise _unusable(f"{place.path} is another model than when the server began.")
        self.loads += 1
        return translator


def _told(header: Header) -> tuple[object, ...]:
    """What clients were told of a model; training on may change the rest."""
    return header.image, header.mode, header.config.model, header.config.depth


def _unusable(told: str) -> RequestError:
    return RequestError(503, told, "Start the server again.")
