"""Logs of a run for other programs: TensorBoard, Weights & Biases. metrics.jsonl is written in any case.

Both packages are optional, and are imported only when a log is opened. A log that fails ends alone, with one
sentence: training goes on.
"""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from pix2pix.config import Config
from pix2pix.errors import UserError, did_you_mean, first_line, shortened
from pix2pix.files import replacing
from pix2pix.pictures.codec import Array

_GROUPS = ("loss_", "val_")


class Log(Protocol):
    """Where a run is logged as well. Steps are images seen; `place` is where a user finds it."""

    place: str

    def scalars(self, images_seen: int, values: Mapping[str, float]) -> None:
        """Add the numbers of one line of metrics.jsonl."""

    def preview(self, images_seen: int, sheet: Array) -> None:
        """Add a picture, (H, W, C) uint8."""

    def close(self) -> None:
        """Write what is left, and end."""


class TensorBoard:
    """Event files in the folder `tensorboard` of a run."""

    def __init__(self, run: Path, config: Config, images_seen: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run / "tensorboard"
        # A killed run has logged what it will do once more: TensorBoard hides that.
        purged = images_seen + 1 if folder.is_dir() else None
        self._writer: Any = SummaryWriter(str(folder), purge_step=purged)
        self.place = f"tensorboard --logdir {run.parent}"
        self._writer.add_text("config", f"```toml\n{config.to_toml()}```", images_seen)

    def scalars(self, images_seen: int, values: Mapping[str, float]) -> None:
        """Add scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, images_seen)
        self._writer.flush()

    def preview(self, images_seen: int, sheet: Array) -> None:
        """Add the picture `preview`."""
        self._writer.add_image("preview", sheet, images_seen, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases, in the folder `wandb`. The variables WANDB_... are that program's."""

    def __init__(self, run: Path, config: Config, images_seen: int) -> None:
        import wandb

        self._image = wandb.Image
        self._run = wandb.init(
            dir=run,
            id=_identity(run / "wandb" / "id"),
            resume="allow",
            project=os.environ.get("WANDB_PROJECT", "pix2pix"),
            name=os.environ.get("WANDB_NAME", run.resolve().name),
            config=config.model_dump(),
            allow_val_change=True,  # lengths may differ when a run continues
            # Captured output would hold every frame of a progress bar.
            settings=wandb.Settings(console="off", silent=True),
        )
        offline = f"wandb sync {self._run.settings.sync_dir}"
        self.place = offline if self._run.offline else str(self._run.url)

    def scalars(self, images_seen: int, values: Mapping[str, float]) -> None:
        """Add scalars; those of one step are joined."""
        self._run.log(dict(values), step=images_seen)

    def preview(self, images_seen: int, sheet: Array) -> None:
        """Add the picture `preview`."""
        self._run.log({"preview": self._image(sheet)}, step=images_seen)

    def close(self) -> None:
        """Write what is left."""
        self._run.finish()


LOGS: dict[str, Callable[[Path, Config, int], Log]] = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}


def _grouped(name: str) -> str:
    """Return `loss/l1` for `loss_l1`: both programs show together what is alike up to a slash."""
    return name.replace("_", "/", 1) if name.startswith(_GROUPS) else name


def _identity(file: Path) -> str:
    """Return the identity by which a run goes on in its service, made where there is none."""
    if not file.is_file():
        with replacing(file) as temporary:
            temporary.write_text(secrets.token_hex(4), "utf-8")
    return file.read_text("utf-8").strip()


class Logs:
    """The logs of a run that still work."""

    def __init__(self, logs: Mapping[str, Log] | None = None, note: Callable[[str], None] = print) -> None:
        self._logs, self._note = dict(logs or {}), note

    def line(self, line: Mapping[str, float]) -> None:
        """Pass on a line of metrics.jsonl."""
        values = {_grouped(name): value for name, value in line.items() if name != "images"}
        self._each(lambda log: log.scalars(int(line["images"]), values))

    def preview(self, images_seen: int, sheet: Array) -> None:
        """Pass on a picture, (H, W, C) uint8."""
        self._each(lambda log: log.preview(images_seen, sheet))

    def close(self) -> None:
        """End every log."""
        self._each(lambda log: log.close())
        self._logs.clear()

    def _each(self, act: Callable[[Log], None]) -> None:
        for name, log in list(self._logs.items()):
            try:
                act(log)
            except Exception as error:
                del self._logs[name]
                with suppress(Exception):
                    log.close()
                self._note(
                    f"note: --log {name} failed and ends here; metrics.jsonl has everything: "
                    f"{shortened(first_line(error))}"
                )


def check_logs(names: Sequence[str]) -> None:
    """Raise UserError for an unknown log, and for one whose package is missing."""
    for name in names:
        if name not in LOGS:
            known = ", ".join(LOGS)
            raise UserError(f"--log {name} is unknown: wanted {known}{did_you_mean(name, LOGS) or '.'}")
        if find_spec(name) is None:
            raise UserError(
                f"--log {name} needs the package {name}.", f"Install it with pip install 'pix2pix[{name}]'."
            )


def open_logs(
    names: Sequence[str], run: Path, config: Config, images_seen: int, note: Callable[[str], None]
) -> Logs:
    """Open each log, from `images_seen` on; `note` gets a sentence where one fails later.

    Raises UserError where one cannot be opened.
    """
    opened: dict[str, Log] = {}
    for name in dict.fromkeys(names):
        try:
            opened[name] = LOGS[name](run, config, images_seen)
            note(f"log: {opened[name].place}")
        except UserError:
            raise
        except Exception as error:
            Logs(opened).close()
            hint = (
                "With the variable WANDB_MODE=offline it logs to this disk alone."
                if name == "wandb"
                else "Correct that, or leave --log out: the same command then goes on."
            )
            raise UserError(f"--log {name} cannot begin: {shortened(first_line(error))}.", hint) from None
    return Logs(opened, note)
