"""The actor: what it refuses, and that one picture never stops the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pix2pix.inference import large
from pix2pix.inference.translator import Translator
from tests.helpers import noise, write

Bulk = Callable[..., Any]


def test_a_picture_larger_than_the_memory_is_a_failure(
    bulk: Bulk, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(photos / "large.png", noise(64, 64))
    monkeypatch.setattr(large, "fits", lambda translator, height, width: height < 64)
    outcome = bulk(photos, tmp_path / "out")
    assert outcome.translated == 5
    assert outcome.failures == ["large.png is larger than the memory. pix2pix translate streams it."]


def test_a_batch_that_fails_is_tried_in_parts(
    bulk: Bulk, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = Translator.translate_sources

    def fails(self: Translator, sources: Any, **how: Any) -> Any:
        if any(source.shape[0] == 33 for source in sources):
            raise ValueError("of an unknown kind")
        return good(self, sources, **how)

    write(photos / "bb.png", noise(33, 32))
    monkeypatch.setattr(Translator, "translate_sources", fails)
    outcome = bulk(photos, tmp_path / "out")
    assert outcome.translated == 5
    assert outcome.failures == ["bb.png failed: ValueError: of an unknown kind."]


def test_out_of_memory_halves_the_batch(
    bulk: Bulk, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pix2pix.bulk import job, translating

    good, batches = Translator.translate_sources, []

    def small(self: Translator, sources: Any, **how: Any) -> Any:
        batches.append(len(sources))
        if len(sources) > 2:
            raise MemoryError
        return good(self, sources, **how)

    def on_gpu(self: Any, *arguments: Any) -> None:
        load(self, *arguments)
        self._batch = translating._BATCH

    load = translating.Translate.__init__
    monkeypatch.setattr(Translator, "translate_sources", small)
    monkeypatch.setattr(translating.Translate, "__init__", on_gpu)
    monkeypatch.setattr(job, "_chunks", lambda rows, workers: [rows])
    outcome = bulk(photos, tmp_path / "out")
    assert outcome.translated == 5
    assert batches[0] == 5
    assert max(batches[1:]) <= 3
