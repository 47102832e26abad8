import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import Config
from pix2pix.errors import UserError
from pix2pix.training.run_folder import RunFolder
from tests.helpers import files_below, noise, pixels

Tiny = Callable[..., Config]

HOLD = """
import fcntl, sys
held = open(sys.argv[1], "w")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path, tiny: Tiny) -> Iterator[RunFolder]:
    run = RunFolder(tmp_path / "runs" / "mine")
    run.lock()
    run.write_request(tiny(), {"device": "cpu"})
    yield run
    run.close()


@contextmanager
def held_by_another_process(folder: Path) -> Iterator[None]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / ".lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield


def test_a_run_says_what_was_asked_for_and_where(run: RunFolder, tiny: Tiny) -> None:
    assert Config.load(run.path / "config.toml") == tiny()
    assert json.loads((run.path / "environment.json").read_text()) == {"device": "cpu"}


def test_another_configuration_is_refused_by_key_and_both_values(run: RunFolder, tiny: Tiny) -> None:
    with pytest.raises(UserError) as caught:
        run.check(tiny("training.batch=2", "objective.l1=1"))
    message = str(caught.value)
    assert str(run.path) in message
    assert "training.batch is 1 there and 2 here" in message
    assert "objective.l1 is 100.0 there and 1.0 here" in message
    assert "model.width" not in message
    assert f"--init {run.model} begins with its weights" in message


def test_weights_are_not_offered_to_other_networks(run: RunFolder, tiny: Tiny) -> None:
    with pytest.raises(UserError, match=r"model\.width is 4 there and 8 here") as caught:
        run.check(tiny("model.width=8", "training.learning_rate=1e-4"))
    assert "--init" not in str(caught.value)


def test_lengths_and_intervals_may_differ(run: RunFolder, tiny: Tiny) -> None:
    run.check(
        tiny(
            "training.images=41",
            "training.log_images=1",
            "training.validate_images=1",
            "training.validate_pairs=1",
            "training.save_images=1",
        )
    )


def test_a_folder_of_something_else_is_refused(tmp_path: Path, tiny: Tiny) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty and no run"):
        RunFolder(tmp_path).check(tiny())


def test_an_empty_folder_or_one_that_a_crash_left_is_taken(tmp_path: Path, tiny: Tiny) -> None:
    RunFolder(tmp_path).check(tiny())
    RunFolder(tmp_path / "new").check(tiny())
    left = RunFolder(tmp_path)
    left.lock()
    left.close()
    (tmp_path / ".123-config.toml").write_text("[data")
    RunFolder(tmp_path).check(tiny())


def test_what_a_killed_process_left_unfinished_is_cleared(run: RunFolder) -> None:
    run.close()
    run.state.parent.mkdir()
    left = [
        run.path / ".unfinished-12ab-model.safetensors",
        run.state.parent / ".unfinished-34cd-state.safetensors",
    ]
    for path in left:
        path.write_text("half")
    mine = run.path / ".notes"
    mine.write_text("kept")
    again = RunFolder(run.path)
    again.lock()
    again.close()
    assert not any(path.exists() for path in left)
    assert mine.read_text() == "kept"


def test_a_second_process_is_refused_until_the_first_ends(run: RunFolder) -> None:
    run.close()
    with held_by_another_process(run.path):
        with pytest.raises(UserError, match="Another process is training") as caught:
            RunFolder(run.path).lock()
        assert str(run.path) in str(caught.value)
    run.lock()


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        RunFolder(tmp_path / "file" / "run").lock()


def test_a_model_whose_state_is_lost_is_not_replaced(run: RunFolder, tiny: Tiny) -> None:
    for path in (run.state, run.model):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        run.check(tiny())
    run.state.unlink()
    with pytest.raises(UserError, match=r"has a model, but not the state of its training, .*state\.safe"):
        run.check(tiny())


def write_all(run: RunFolder) -> Iterator[None]:
    """Each way in which a run writes while it is trained."""
    for write in (lambda: run.append({"images": 1}), lambda: run.save_preview(1, noise(2, 2))):
        with pytest.raises(UserError, match=r"was moved or removed .* the last save") as caught:
            write()
        assert str(run.path) in str(caught.value)
        yield


@pytest.mark.parametrize("new_folder", [False, True])
def test_a_folder_that_was_moved_is_not_made_again(run: RunFolder, tmp_path: Path, new_folder: bool) -> None:
    run.append({"images": 1})
    run.path.rename(tmp_path / "moved")
    if new_folder:
        run.path.mkdir()
    for _ in write_all(run):
        assert run.path.exists() == new_folder
    assert files_below(tmp_path) == {f"moved/{n}" for n in (".lock", "config.toml", "environment.json")} | {
        "moved/metrics.jsonl"
    }


def test_metrics_are_lines_of_json(run: RunFolder) -> None:
    assert run.metrics_bytes() == 0
    run.append({"images": 1, "loss": 0.5})
    run.append({"images": 2, "loss": 0.25})
    lines = run.metrics.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"images": 1, "loss": 0.5}, {"images": 2, "loss": 0.25}]
    assert run.metrics_bytes() == len(run.metrics.read_bytes())


def test_lines_after_the_saved_state_are_cut(run: RunFolder) -> None:
    run.append({"images": 1})
    length = run.metrics_bytes()
    run.append({"images": 2})
    with run.metrics.open("a") as out:
        out.write('{"images": 3, "lo')
    run.cut(length, 0)
    assert run.metrics.read_text() == '{"images": 1}\n'
    run.cut(length + 100, 0)
    assert run.metrics_bytes() == length


def test_metrics_that_cannot_be_written_are_an_error_for_the_user(run: RunFolder) -> None:
    run.metrics.mkdir()
    with pytest.raises(UserError, match=r"Cannot write .*metrics\.jsonl"):
        run.append({"images": 1})


def test_previews_sort_by_images_seen(run: RunFolder) -> None:
    for seen in (9, 10_000, 800):
        run.save_preview(seen, noise(2, 2))
    names = sorted(path.name for path in (run.path / "previews").iterdir())
    assert names == ["000000009.png", "000000800.png", "000010000.png"]


def test_examples_are_whole_and_written_once(run: RunFolder) -> None:
    def broken() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield noise(4, 4), noise(4, 4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.save_examples(broken())
    assert not (run.path / "examples").exists()
    run.save_examples([(noise(4, 4, seed=1), noise(4, 4, seed=2))] * 2)
    run.save_examples([(noise(4, 4, seed=3), noise(4, 4, seed=4))])
    assert files_below(run.path / "examples") == {
        f"{half}/0{n}.png" for half in ("source", "target") for n in (1, 2)
    }
    assert np.array_equal(pixels(run.path / "examples/target/01.png"), noise(4, 4, seed=2))
