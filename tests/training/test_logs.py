import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.training import logs as logs_module
from pix2pix.training.logs import LOGS, Logs, check_logs, open_logs
from pix2pix.training.run_folder import RunFolder
from pix2pix.training.train import train
from tests.helpers import noise

Tiny = Callable[..., Config]
BLOCK = 32_768  # of a file of wandb


class Memory:
    """A log that keeps what it gets, and fails at one step."""

    place = "memory"

    def __init__(self, fails_at: int = -1) -> None:
        self.lines: dict[int, dict[str, float]] = {}
        self.previews: list[int] = []
        self.closed, self._fails_at = False, fails_at

    def scalars(self, images_seen: int, values: Mapping[str, float]) -> None:
        if images_seen == self._fails_at:
            raise OSError("no route to host\nmore of it")
        self.lines[images_seen] = dict(values)

    def preview(self, images_seen: int, sheet: np.ndarray) -> None:
        self.previews.append(images_seen)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    folder = RunFolder(tmp_path / "mine")
    folder.lock()
    yield folder
    folder.close()


def scalars_of(run: Path) -> dict[str, dict[int, float]]:
    """What TensorBoard shows of the event files of a run: name -> images seen -> value."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    shown = accumulator.EventAccumulator(str(run / "tensorboard")).Reload()
    return {name: {e.step: e.value for e in shown.Scalars(name)} for name in shown.Tags()["scalars"]}


def lines_of(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_lines_and_previews_reach_every_log(folder: RunFolder) -> None:
    first, second = Memory(), Memory()
    folder.logs = Logs({"first": first, "second": second})
    folder.append({"images": 7, "seconds": 1.5, "loss_l1": 0.5, "val_psnr_db": 20.0})
    folder.save_preview(7, noise(8, 8))
    folder.close()
    for log in (first, second):
        assert log.lines == {7: {"seconds": 1.5, "loss/l1": 0.5, "val/psnr_db": 20.0}}
        assert log.previews == [7]
        assert log.closed


def test_a_log_that_fails_ends_alone_and_is_named_once(folder: RunFolder) -> None:
    notes: list[str] = []
    bad, good = Memory(fails_at=2), Memory()
    folder.logs = Logs({"bad": bad, "good": good}, notes.append)
    for images in (1, 2, 3):
        folder.append({"images": images})
    assert (list(bad.lines), bad.closed) == ([1], True)
    assert list(good.lines) == [1, 2, 3]
    assert len(lines_of(folder.path)) == 3
    (note,) = notes
    assert "bad failed" in note
    assert note.endswith("no route to host")


def test_an_unknown_log_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UserError, match=r"tensorbord is unknown: wanted tensorboard, wandb; did you mean 'tensorboard'\?$"
    ):
        check_logs(["tensorbord"])


def test_a_missing_package_is_named_before_anything_is_written(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"package wandb\. .*pip install 'pix2pix\[wandb\]'"):
        train(["nowhere"], tiny(), tmp_path / "run", logs=["wandb"])
    assert not (tmp_path / "run").exists()


def test_a_log_that_cannot_begin_is_one_sentence(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: Path, config: Config, images_seen: int) -> Memory:
        raise RuntimeError("api_key not configured (no-tty)\n  File ...")

    memory = Memory()
    monkeypatch.setitem(LOGS, "tensorboard", lambda *rest: memory)
    monkeypatch.setitem(LOGS, "wandb", refuse)
    with pytest.raises(
        UserError, match=r"api_key not configured \(no-tty\)\. With the variable WANDB_MODE=offline"
    ):
        open_logs(["tensorboard", "wandb"], tmp_path, tiny(), 0, print)
    assert memory.closed


def test_one_log_may_be_named_by_a_string_and_a_finished_run_opens_none(
    tmp_path: Path, pairs: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []

    def open_memory(run: Path, config: Config, images_seen: int) -> Memory:
        opened.append(images_seen)
        return Memory()

    monkeypatch.setitem(LOGS, "tensorboard", open_memory)
    monkeypatch.setattr(logs_module, "find_spec", lambda name: name)
    for images in (4, 4, 8):
        train([pairs], tiny(f"training.images={images}"), tmp_path / "run", logs="tensorboard")
    assert opened == [0, 4]


def test_tensorboard_reads_back_what_the_run_has_and_hides_what_is_done_again(
    folder: RunFolder, tiny: Tiny
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    notes: list[str] = []
    for begins_at in (0, 10):  # killed at 20, and resumed from the state of 10
        folder.logs = open_logs(["tensorboard"], folder.path, tiny(), begins_at, notes.append)
        for images in (begins_at + 10, begins_at + 20):
            folder.append({"images": images, "loss_l1": images / 64 + begins_at})
            folder.save_preview(images, noise(8, 16))
        folder.logs.close()
    assert notes == [f"log: tensorboard --logdir {folder.path.parent}"] * 2
    assert scalars_of(folder.path) == {"loss/l1": {10: 10 / 64, 20: 20 / 64 + 10, 30: 30 / 64 + 10}}
    shown = EventAccumulator(str(folder.path / "tensorboard")).Reload()
    assert [(e.step, e.width, e.height) for e in shown.Images("preview")] == [
        (10, 16, 8),
        (20, 16, 8),
        (30, 16, 8),
    ]
    (text,) = shown.Tensors("config/text_summary")[0].tensor_proto.string_val
    assert tiny().to_toml() in text.decode()


def records_of(path: Path) -> Iterator[bytes]:
    """The records of a file of wandb, which is a log of LevelDB behind a head of 7 bytes."""
    data, place, whole = path.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while place < len(data):
        if (left := BLOCK - place % BLOCK) < 7:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        place += 7 + length
        whole += data[place - length : place]
        if kind in (1, 4):  # a whole record, or the last part of one
            yield whole
            whole = b""


@pytest.mark.slow
def test_a_run_is_logged_by_both_programs_and_goes_on_in_them(
    pairs: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    run = tmp_path / "run"
    for images in (20, 40):
        train([pairs], tiny(f"training.images={images}"), run, logs=["tensorboard", "wandb"])

    expected: dict[str, dict[int, float]] = {}
    for line in lines_of(run):
        for name, value in line.items():
            grouped = name.replace("_", "/", 1) if name.startswith(("loss_", "val_")) else name
            expected.setdefault(grouped, {})[int(line["images"])] = pytest.approx(value, rel=1e-6)
    del expected["images"]
    assert expected["val/l1"].keys() == {20, 25, 40}
    assert scalars_of(run) == expected

    logged: dict[str, dict[int, float]] = {}
    identities, configs, previews = set(), [], []
    for file in sorted((run / "wandb").glob("offline-run-*/*.wandb")):
        for data in records_of(file):
            record = wandb_internal_pb2.Record.FromString(data)
            if record.WhichOneof("record_type") == "run":
                identities.add((record.run.run_id, record.run.project, record.run.display_name))
                configs.append({item.key: json.loads(item.value_json) for item in record.run.config.update})
            for item in record.history.item:
                name = item.key or "/".join(item.nested_key)
                if name in expected:
                    logged.setdefault(name, {})[record.history.step.num] = json.loads(item.value_json)
                if name == "preview/path":
                    previews.append(file.parent / "files" / json.loads(item.value_json))
    assert logged == expected
    ((identity, project, name),) = identities
    assert (project, name) == ("pix2pix", "run")
    assert identity == (run / "wandb" / "id").read_text()
    assert [config["training"]["images"] for config in configs] == [20, 40]
    assert len(previews) == 3
    assert all(path.is_file() for path in previews)
