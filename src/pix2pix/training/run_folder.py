"""The folder of a run: what was requested, what happened, what came out.

config.toml         the whole configuration
environment.json    versions, device, command, data
metrics.jsonl       one line every log_images, one for every validation
previews/           000004000.png: source, output, target after 4,000 images
examples/           source/01.png, target/01.png: pairs that the drawing page offers
tensorboard/        event files, where --log names it; wandb/ likewise
index.html          curves and previews; opens from disk while training runs
checkpoints/        state.safetensors, from which training goes on
model.safetensors   the model as of the last save
best.safetensors    the one with the best score, where training.best names a measure
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pix2pix.config import MAY_CHANGE, Config
from pix2pix.errors import UserError
from pix2pix.files import cannot_write, kind, replacing, require_own_folder
from pix2pix.pictures.codec import Array, write
from pix2pix.training.logs import Logs

try:
    import fcntl
except ImportError:  # Windows has no flock: there two runs in one folder are not noticed.
    fcntl = None  # type: ignore[assignment]


class RunFolder:
    """The folder of one run, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written_config = path / "config.toml"
        self.metrics = path / "metrics.jsonl"
        self.state = path / "checkpoints" / "state.safetensors"
        self.model = path / "model.safetensors"
        self.best = path / "best.safetensors"
        self._lock_file = path / ".lock"
        self._lock: IO[str] | None = None
        self.logs = Logs()

    def check(self, config: Config) -> None:
        """Raise UserError where the folder holds something else than a run of this configuration, or a
        model without the state of its training, which a new beginning would replace.

        Lengths and intervals may differ. Nothing is written.
        """
        if kind(self.written_config) != "file":
            if kind(self.path) != "file":  # which cannot be written, as is said when it is tried
                require_own_folder(self.path, False, "run", "--run")
            return
        others = [d for d in config.differences(Config.load(self.written_config)) if d[0] not in MAY_CHANGE]
        if others:
            same_networks = all(key.startswith(("objective.", "training.")) for key, _, _ in others)
            with_weights = f"; --init {self.model} begins with its weights" if same_networks else ""
            named = ", ".join(f"{key} is {was!r} there and {now!r} here" for key, now, was in others)
            raise UserError(
                f"{self.path} is a run of another configuration: {named}.",
                f"Request the same settings, or choose another folder with --run{with_weights}.",
            )
        # A run that was killed never leaves this: its first state is written before its first model.
        if self.model.is_file() and not self.state.is_file():
            raise UserError(
                f"{self.path} has a model, but not the state of its training, {self.state}: it cannot go on, "
                "and beginning anew would replace the model.",
                f"Put that file back; or choose another --run, with --init {self.model} to begin with its "
                "weights; or remove the folder to begin anew.",
            )

    def lock(self) -> None:
        """Make the folder where it is missing, and lock it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if fcntl is None:
                return
            self._lock = self._lock_file.open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise UserError(
                f"Another process is training in {self.path}.", "Wait for it, or use another --run."
            ) from None
        except OSError as error:
            raise cannot_write(self.path, error) from None
        # What a killed process was writing is large and of no use.
        for unfinished in self.path.rglob(".unfinished-*"):
            if not unfinished.is_dir():
                unfinished.unlink()

    def require_in_place(self) -> None:
        """Raise UserError where the folder was moved or removed since it was locked.

        What is written to a path that is gone would make a second folder there.
        """
        if self._lock is None:
            return
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._lock.fileno()), self._lock_file.stat()):
                return
        raise UserError(
            f"{self.path} was moved or removed (or its file {self._lock_file.name}) while it was trained: "
            "nothing more is written there.",
            "The same command with --run and its new place goes on from the last save.",
        )

    def write_request(self, config: Config, environment: Mapping[str, Any]) -> None:
        """Write what was requested, and where it runs."""
        with replacing(self.written_config) as temporary:
            temporary.write_text(config.to_toml(), "utf-8")
        with replacing(self.path / "environment.json") as temporary:
            temporary.write_text(json.dumps(environment, indent=2) + "\n", "utf-8")

    def close(self) -> None:
        """End the logs, and release the folder to other processes."""
        self.logs.close()
        if self._lock is not None:
            self._lock.close()

    def append(self, line: Mapping[str, float]) -> None:
        """Add one line to metrics.jsonl, and to the logs."""
        self.require_in_place()
        try:
            with self.metrics.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
        except OSError as error:
            raise cannot_write(self.metrics, error) from error
        self.logs.line(line)

    def metrics_bytes(self) -> int:
        """Return the length of metrics.jsonl, which a saved state remembers."""
        return self.metrics.stat().st_size if self.metrics.exists() else 0

    def cut(self, metrics_bytes: int, images_seen: int) -> None:
        """Drop the metrics and previews of after the saved state, so that none comes twice."""
        if self.metrics_bytes() > metrics_bytes:
            os.truncate(self.metrics, metrics_bytes)
        for path in (self.path / "previews").glob("*.png"):
            if path.stem.isdigit() and int(path.stem) > images_seen:
                path.unlink()

    def save_preview(self, images_seen: int, sheet: Array) -> None:
        """Keep a preview, (H, W, C) uint8, under the number of images seen."""
        self.require_in_place()
        write(sheet, self.path / "previews" / f"{images_seen:09d}.png")
        self.logs.preview(images_seen, sheet)

    def save_examples(self, pairs: Iterable[tuple[Array, Array]]) -> None:
        """Keep (source, target) pairs; a folder that has them already stays as it is."""
        folder = self.path / "examples"
        if folder.is_dir():
            return
        # Under another name first, so that the folder is complete or absent.
        unfinished = self.path / ".unfinished-examples"
        for number, pair in enumerate(pairs, start=1):
            for half, picture in zip(("source", "target"), pair, strict=True):
                write(picture, unfinished / half / f"{number:02d}.png")
        if unfinished.is_dir():
            os.replace(unfinished, folder)
