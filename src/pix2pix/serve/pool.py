"""Models in memory: loaded on first use, the least recently used removed to keep a limit."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pix2pix.errors import UserError
from pix2pix.inference.translator import Translator
from pix2pix.model_file import Header, model_path
from pix2pix.serve.errors import RequestError
from pix2pix.serve.hosting import Hosted

# What OpenVINO makes of a network for one mode takes 1.2 to 1.7 times the weights (width 64).
_COMPILED = 2
_WAIT_SECONDS = 30.0

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Place:
    """A model's place in memory. `users` are workers that run it now.

    `compiled` is for how many modes OpenVINO has made a network of it.
    """

    model: Hosted
    file_bytes: int
    compiled: int = 0
    used: float = 0.0  # when it was taken last
    users: int = 0
    original: Translator | None = None
    idle: list[Translator] = field(default_factory=list)


class Pool:
    """Lend translators; all loaded models together stay within `limit` bytes."""

    def __init__(self, models: Mapping[str, Hosted], limit: int, device: str) -> None:
        """Raises UserError for a model that is larger than the limit by itself."""
        self._limit, self._device = limit, device
        self._places = {
            name: _Place(model, model_path(model.path).stat().st_size) for name, model in models.items()
        }
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()  # first come, first served
        self.loads = 0
        for place in self._places.values():
            if place.file_bytes > limit:
                raise UserError(
                    f"{place.model.path} takes {place.file_bytes / 1e9:.3g} GB, and all models together may "
                    f"take {limit / 1e9:.3g}.",
                    "Raise --memory.",
                )

    @property
    def loaded(self) -> Sequence[str]:
        """Return the models in memory."""
        return [name for name, place in self._places.items() if place.original]

    @property
    def loaded_bytes(self) -> int:
        """Return the bytes of their weights, and of what was compiled from them."""
        loaded = (place for place in self._places.values() if place.original)
        return sum(place.file_bytes * (1 + _COMPILED * place.compiled) for place in loaded)

    @contextmanager
    def use(self, name: str) -> Iterator[Translator]:
        """Lend the model's translator to this thread alone until the block ends.

        Waits while models in use leave no room, and for those who waited before. Raises
        RequestError where that takes too long, and where the file has gone or changed since the
        start.
        """
        place = self._places[name]
        with self._changed:
            self._wait_for_turn(place)
            # Loading under the lock: two workers never load one model twice.
            original = place.original = place.original or self._load(place)
            translator = place.idle.pop() if place.idle else original.share()
            place.users += 1
            place.used = time.monotonic()
        try:
            yield translator
        finally:
            with self._changed:
                place.users -= 1
                place.idle.append(translator)
                self._changed.notify_all()

    def _wait_for_turn(self, place: _Place) -> None:
        """Wait until it fits. Even a model in memory waits, else two workers could keep it forever."""
        ticket = object()
        self._waiting.append(ticket)
        try:
            if not self._changed.wait_for(
                lambda: self._waiting[0] is ticket and (place.original or self._has_room(place.file_bytes)),
                _WAIT_SECONDS,
            ):
                raise RequestError(
                    503,
                    f"Other models kept the memory for {_WAIT_SECONDS:g} seconds.",
                    "Try again; whoever runs the server can raise --memory.",
                    retry_seconds=5,
                )
        finally:
            self._waiting.remove(ticket)
            self._changed.notify_all()

    def _may_compile(self, place: _Place) -> bool:
        """Take room for another compiled network of a model in use, and return whether it is there."""
        with self._changed:
            fits = self._has_room(_COMPILED * place.file_bytes)
            place.compiled += fits
            return fits

    def _has_room(self, count: int) -> bool:
        """Remove unused models, the oldest first, until so many bytes are free; return if they are."""
        unused = [p for p in self._places.values() if p.original and not p.users]
        for place in sorted(unused, key=lambda p: p.used):
            if self.loaded_bytes + count <= self._limit:
                break
            place.original, place.compiled = None, 0
            place.idle.clear()
        return self.loaded_bytes + count <= self._limit

    def _load(self, place: _Place) -> Translator:
        try:
            translator = Translator.load(
                place.model.path, self._device, may_compile=lambda: self._may_compile(place)
            )
        except UserError as error:
            raise _unusable(place, "cannot be loaded", error.message) from None
        if _promises(translator.header) != _promises(place.model.header):
            raise _unusable(place, "is another one than when the server began")
        self.loads += 1
        return translator


def _promises(header: Header) -> tuple[object, ...]:
    """Return what clients were shown of a model; training on may change the rest."""
    return header.image, header.mode, header.config.model, header.config.data.size


def _unusable(place: _Place, what: str, why: str = "") -> RequestError:
    """Return the error without the paths of this machine, which go to the log."""
    _log.warning("%s %s. %s", place.model.path, what, why)
    return RequestError(503, f"The model's file {what}.", "Whoever runs the server finds more in its log.")
