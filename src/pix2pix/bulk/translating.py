"""Translating and writing: what an actor does, which holds the model."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from pix2pix.bulk import parts
from pix2pix.bulk.places import CONNECTIONS, is_full
from pix2pix.bulk.tables import Row
from pix2pix.bulk.work import Work, array, check_model, reason
from pix2pix.device import is_out_of_memory, keep_freed_memory
from pix2pix.errors import UserError
from pix2pix.files import file_digest
from pix2pix.inference import large
from pix2pix.inference.items import is_label_map
from pix2pix.inference.sources import restored
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec, masks
from pix2pix.pictures.codec import Array

_BATCH = 32  # pictures that a GPU translates at a time, at most
_TOO_LARGE = "is larger than the memory. pix2pix translate streams it."
_RESULT = (
    *("name", "size", "modified", "digest", "output", "output_size", "output_digest"),
    *("error", "fatal", "unchanged"),
)


class Translate:
    """An actor: loads the model once, in `counted`, and writes while it translates."""

    def __init__(self, work: Work, writers: int, counted: AbstractContextManager[None]) -> None:
        self._work, self._refusal = work, ""
        # On a processor a picture's bytes must not depend on what else is in the batch.
        self._batch = _BATCH if work.device == "cuda" else 1
        self._writers = ThreadPoolExecutor(writers if work.target.is_local else CONNECTIONS)
        os.environ["OMP_NUM_THREADS"] = str(work.threads)  # OpenVINO's too
        keep_freed_memory()
        try:
            with counted:
                check_model(work)
                self._translator = Translator.load(work.model, work.device, work.precision, work.engine)
        except Exception as error:  # of any kind: Ray would start the actor again, endlessly
            self._refusal = reason(str(work.model), error)

    def __call__(self, rows: list[Row]) -> list[Row]:
        """Translate and write; return what is left to know of each row.

        `fatal` marks reasons that hold for every further row as well.
        """
        if self._refusal:
            done = [row | {"error": self._refusal, "fatal": True} for row in rows]
        else:
            torch.set_num_threads(self._work.threads)  # of this thread
            begun = dict(self._translated([row for row in rows if row["pixels"] is not None]))
            written = {name: writing.result() for name, writing in begun.items()}
            done = self._in_one_file([row | written.get(row["name"], {}) for row in rows])
        return [{name: row[name] for name in _RESULT} for row in done]

    def _translated(self, rows: list[Row]) -> Iterator[tuple[str, Future[dict[str, Any]]]]:
        """Yield names with what will change in their rows once they are written."""
        fitting = []
        for row in rows:
            if large.fits(self._translator, *row["shape"][:2]):
                fitting.append(row)
            else:
                yield row["name"], self._writers.submit(dict, error=f"{row['name']} {_TOO_LARGE}")
        batch = self._batch
        for start in range(0, len(fitting), batch):
            yield from self._batch_of(fitting[start : start + batch])

    def _batch_of(self, rows: list[Row]) -> Iterator[tuple[str, Future[dict[str, Any]]]]:
        """Yield what `_translated` does; where a batch fails, its halves are tried."""
        try:
            pictures = self._outputs(rows)
        except Exception as error:  # of any kind: one picture must not stop the others
            if len(rows) == 1:
                yield rows[0]["name"], self._writers.submit(dict, error=reason(rows[0]["name"], error))
                return
            if is_out_of_memory(error):
                self._batch = max(1, len(rows) // 2)
            half = len(rows) // 2
            yield from self._batch_of(rows[:half])
            yield from self._batch_of(rows[half:])
            return
        for row, picture in zip(rows, pictures, strict=True):
            yield row["name"], self._writers.submit(self._write, row, picture)

    def _outputs(self, rows: list[Row]) -> list[Array]:
        options, image = self._work.options, self._translator.header.image
        sources = [array(row, "pixels", "shape", "dtype") for row in rows]
        outputs = self._translator.translate_sources(
            sources, mode=options.mode, seed=options.seed, batch=len(rows)
        )
        scaled = options.size is not None
        pictures = (
            [array(r, "picture", "picture_shape", "picture_dtype") for r in rows] if scaled else sources
        )
        return [restored(image, o, p) for o, p in zip(outputs, pictures, strict=True)]

    def _write(self, row: Row, picture: Array) -> dict[str, Any]:
        """Write a translation; return what changes in its row."""
        name, target = row["output"], self._work.target
        try:
            if target.is_local and not self._work.into_parquet:
                path = target.local(name)
                self._encode(picture, path)
                return {"output_size": path.stat().st_size, "output_digest": file_digest(path)}
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"picture{PurePosixPath(name).suffix}")
                self._encode(picture, path)
                data = path.read_bytes()
            facts = {"output_size": len(data), "output_digest": hashlib.sha256(data).hexdigest()}
            if self._work.into_parquet:
                return {**facts, "data": data}
            target.write(name, data)
        except Exception as error:  # of any kind: one file must not stop the others
            return {"error": reason(row["name"], error), "fatal": is_full(error)}
        return facts

    def _encode(self, picture: Array, path: Path) -> None:
        image = self._work.header.image
        if is_label_map(path, self._work.options.suffix, image):
            masks.write(picture, path, image.target)
        else:
            codec.write(picture, path)

    def _in_one_file(self, rows: list[Row]) -> list[Row]:
        """Write the rows that carry data into one file of a Parquet data set."""
        pictures = [(row["name"], row["data"]) for row in rows if "data" in row]
        if not pictures:
            return rows
        try:
            facts: dict[str, Any] = {"output": parts.write(self._work.target, pictures)}
        except UserError as error:
            facts = {"error": str(error), "fatal": True}
        return [row | facts if "data" in row else row for row in rows]
