"""The job: what is done, skipped, done again and reported."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec
from tests.helpers import files_below, noise, pixels, write, write_model, write_text, write_truncated

Bulk = Callable[..., Any]


def outputs(folder: Path) -> dict[str, bytes]:
    """The bytes of all files that are not bulk's own."""
    return {name: (folder / name).read_bytes() for name in files_below(folder) if not name.startswith(".")}


def test_translations_are_those_of_the_translator(
    bulk: Bulk, photos: Path, tmp_path: Path, model: Path
) -> None:
    outcome = bulk(photos, tmp_path / "out")
    assert (outcome.total, outcome.translated, outcome.unchanged, outcome.failures) == (5, 5, 0, [])
    translator = Translator.load(model, "cpu", engine="torch")
    for path in photos.rglob("*.png"):
        expected = np.asarray(translator.translate(path), np.int16)
        assert np.abs(pixels(tmp_path / "out" / path.relative_to(photos)) - expected).max() <= 1


def test_a_second_run_opens_no_picture(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    bulk(photos, tmp_path / "out")
    before = outputs(tmp_path / "out")
    outcome = bulk(photos, tmp_path / "out")
    assert (outcome.translated, outcome.unchanged, outcome.seen) == (0, 5, [])
    assert outputs(tmp_path / "out") == before


def test_what_changed_or_is_missing_is_done_again(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bulk(photos, out)
    write(photos / "a.png", noise(32, 32, seed=9))
    (out / "b.png").unlink()
    (out / "c.png").write_bytes(b"cut short")
    write(photos / "new.png")
    outcome = bulk(photos, out)
    assert outcome.seen == ["a.png", "b.png", "c.png", "new.png"]
    assert (outcome.translated, outcome.unchanged) == (4, 2)


def test_a_touched_input_is_read_but_not_translated(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bulk(photos, out)
    os.utime(photos / "a.png", (1, 1))
    outcome = bulk(photos, out)
    assert (outcome.seen, outcome.translated, outcome.unchanged) == (["a.png"], 0, 5)
    assert bulk(photos, out).seen == []  # its new time is kept


def test_verify_finds_a_file_that_kept_its_size_and_time(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bulk(photos, out)
    good = outputs(out)
    damaged = bytes(len(good["d.png"]))
    (out / "d.png").write_bytes(damaged)
    assert bulk(photos, out).translated == 0
    outcome = bulk(photos, out, verify=True)
    assert (outcome.translated, outcome.unchanged) == (1, 4)
    assert outputs(out) == good


def test_a_killed_driver_loses_nothing(
    bulk: Bulk, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pix2pix.bulk import job, manifest

    bulk(photos, tmp_path / "undisturbed")
    with monkeypatch.context() as patched:
        patched.setattr(manifest, "_SECONDS", 0.0)
        patched.setattr(job, "_CHUNK", 1)
        take, count = job._Run._take, 0

        def killed(self: Any, rows: Any) -> None:
            nonlocal count
            count += 1
            if count == 3:
                raise SystemExit
            take(self, rows)

        patched.setattr(job._Run, "_take", killed)
        with pytest.raises(SystemExit):
            bulk(photos, tmp_path / "out")
    outcome = bulk(photos, tmp_path / "out")
    assert len(outcome.seen) == 3  # the third was written but not known
    assert outputs(tmp_path / "out") == outputs(tmp_path / "undisturbed")


def test_bad_files_are_listed_and_stop_nothing(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    from pix2pix.bulk import places, tables

    write_truncated(photos / "cut.png")
    write_text(photos / "text.png")
    outcome = bulk(photos, tmp_path / "out")
    assert outcome.translated == 5
    place = places.open_place(str(tmp_path / "out"))
    failed = {row["name"]: row["reason"] for row in tables.read_rows(place, "failed.parquet")}
    assert set(failed) == {"cut.png", "text.png"}
    assert str(photos / "text.png") in failed["text.png"]
    (photos / "cut.png").unlink()
    write(photos / "text.png")
    assert bulk(photos, tmp_path / "out").seen == ["text.png"]
    assert not (tmp_path / "out" / "failed.parquet").exists()


def test_another_model_does_all_again(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    bulk(photos, tmp_path / "out")
    other = write_model(tmp_path / "other.safetensors", "model.width=5")
    assert bulk(photos, tmp_path / "out", model=other).translated == 5


def test_other_options_do_all_again(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    bulk(photos, tmp_path / "out", options={"mode": "deterministic"})
    assert bulk(photos, tmp_path / "out", options={"mode": "deterministic", "seed": 1}).translated == 5


def test_the_engine_is_kept(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    bulk(photos, tmp_path / "out", engine="torch")
    assert bulk(photos, tmp_path / "out", engine="auto").translated == 0


def test_pictures_are_scaled_and_converted(bulk: Bulk, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.png", noise(40, 70))
    bulk(tmp_path / "in", tmp_path / "out", options={"size": "train", "suffix": ".jpg"})
    assert pixels(tmp_path / "out" / "a.jpg").shape == (40, 70, 3)


def test_a_full_disk_ends_the_job_in_one_sentence(
    bulk: Bulk, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = codec.write

    def full(array: Any, path: Path) -> None:
        if path.name == "c.png":
            try:
                raise OSError(errno.ENOSPC, "No space left on device")
            except OSError as error:
                raise UserError(f"Cannot write {path}: No space left on device.") from error
        good(array, path)

    monkeypatch.setattr(codec, "write", full)
    with pytest.raises(UserError, match=r"c\.png: No space left on device.*the same command goes on"):
        bulk(photos, tmp_path / "out")
    monkeypatch.setattr(codec, "write", good)
    assert bulk(photos, tmp_path / "out").failures == []
    assert len(outputs(tmp_path / "out")) == 5


def test_space_is_asked_for_before(
    bulk: Bulk, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: os.terminal_size((0, 0)) and _Usage(10))
    with pytest.raises(UserError, match="5 pictures, taken to be as large as those, take"):
        bulk(photos, tmp_path / "out")


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_replaced_model_is_noticed(
    bulk: Bulk, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pix2pix.bulk import translating

    path = write_model(tmp_path / "m.safetensors")
    check = translating.check_model

    def replaced(work: Any) -> None:
        write_model(path, "model.width=5")
        check(work)

    monkeypatch.setattr(translating, "check_model", replaced)
    with pytest.raises(UserError, match=r"another model at .* than the one that the job began with"):
        bulk(photos, tmp_path / "out", model=path)


def table_of(photos: Path, path: Path, **columns: Any) -> Path:
    """A Parquet file of pictures, in row groups of two."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(photos.rglob("*.png"))
    data = {"image": [{"bytes": f.read_bytes(), "path": str(f.relative_to(photos))} for f in files]}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**data, **columns}), path, row_group_size=2)
    return path


def test_from_parquet_to_files(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    table_of(photos, tmp_path / "data" / "train.parquet")
    bulk(photos, tmp_path / "from files")
    outcome = bulk(tmp_path / "data", tmp_path / "from rows")
    assert outcome.translated == 5
    assert outputs(tmp_path / "from rows") == outputs(tmp_path / "from files")
    assert bulk(tmp_path / "data", tmp_path / "from rows").seen == []


def test_from_files_to_parquet_and_again(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    import pyarrow.dataset

    out = tmp_path / "out.parquet"
    bulk(photos, tmp_path / "files")
    bulk(photos, out)
    assert bulk(photos, out).seen == []
    write(photos / "a.png", noise(32, 32, seed=9))
    assert bulk(photos, out).seen == ["a.png"]
    bulk(photos, tmp_path / "files")
    rows = pyarrow.dataset.dataset(out).to_table().to_pylist()
    assert {row["name"]: row["picture"] for row in rows} == outputs(tmp_path / "files")
    assert len(rows) == 5
    assert bulk(photos, out, verify=True).translated == 0


def test_two_jobs_at_once_are_refused(bulk: Bulk, photos: Path, tmp_path: Path) -> None:
    from pix2pix.files import exclusive

    with (
        exclusive(tmp_path / "out" / ".bulk" / "lock", ""),
        pytest.raises(UserError, match="Another job is writing"),
    ):
        bulk(photos, tmp_path / "out")


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("photos", "photos/out", "lie in each other"),
        ("photos", "photos", "are one folder"),
        ("photos/deep", "photos", "lie in each other"),
        ("missing", "out", "There is no folder"),
        ("empty", "out", "holds no pictures"),
        ("photos", "foo://bucket/out", "cannot be opened"),
    ],
)
def test_bad_places(bulk: Bulk, photos: Path, tmp_path: Path, source: str, target: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    where = target if "://" in target else tmp_path / target
    with pytest.raises(UserError, match=message):
        bulk(tmp_path / source, where)
