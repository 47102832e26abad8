"""The runs of an ablation: each row with each seed, in its folder.

DIR/rows/l1_cgan-0/      a run folder: a row's name and its seed; one trained elsewhere may be put here
DIR/scores/l1_cgan-0/    its evaluation
DIR/pictures/            outputs of every row for the same sources
DIR/scores.jsonl         every score of every row and seed
DIR/index.html           the tables
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pix2pix.config import MAY_CHANGE, Config
from pix2pix.errors import UserError
from pix2pix.evaluation.ablate.rows import Row, Table, with_seed
from pix2pix.files import kind, require_own_folder
from pix2pix.model_file import read_header

# What may differ between a row on disk and the request; channels follow from the pairs, which are compared.
_FREE = (MAY_CHANGE - {"training.images"}) | {"model.source_channels", "model.target_channels"}


@dataclass(frozen=True)
class Request:
    """What is trained and scored; `features` to `ignore` are those of `evaluate`."""

    data: Sequence[str]
    config: Config
    out: Path
    over: str  # the table
    seeds: int = 1  # from training.seed on
    features: str | None = None
    scorer: Path | None = None
    labels: str | None = None
    ignore: Sequence[str] = ()
    device: str = "auto"


@dataclass(frozen=True)
class RowRun:
    """A row with one seed."""

    row: Row
    seed: int
    out: Path

    @property
    def name(self) -> str:
        """Return the name of its folders."""
        return f"{self.row.name}-{self.seed}"

    @property
    def folder(self) -> Path:
        """Return its run folder."""
        return self.out / "rows" / self.name

    @property
    def config(self) -> Config:
        """Return its configuration."""
        return with_seed(self.row.config, self.seed)

    @property
    def images_seen(self) -> int:
        """Return how far it is as of the last save."""
        model = self.folder / "model.safetensors"
        return read_header(model).provenance.images_seen if model.is_file() else 0

    @property
    def images_left(self) -> int:
        """Return how many images it has still to see."""
        return max(0, self.config.training.images - self.images_seen)

    def __str__(self) -> str:
        """Return its name for a terminal."""
        return f"{self.row.label}, seed {self.seed}"


def requested_runs(request: Request, tables: Mapping[str, Table]) -> list[RowRun]:
    """Return the rows to train: all of the first seed, then all of the next."""
    first = request.config.training.seed
    seeds = range(first, first + request.seeds)
    return [RowRun(row, seed, request.out) for seed in seeds for row in tables[request.over].rows]


def runs_on_disk(out: Path, tables: Mapping[str, Table], over: str) -> list[RowRun]:
    """Return what is in DIR/rows of any table and seed; shared rows have their label in the table `over`."""
    others = [table for table in tables.values() if table.name != over]
    rows = {row.name: row for table in (*others, tables[over]) for row in table.rows}
    names = sorted(path.name for path in (out / "rows").glob("*-*") if (path / "config.toml").is_file())
    split = [name.rpartition("-") for name in names]
    return [RowRun(rows[row], int(seed), out) for row, _, seed in split if row in rows and seed.isdigit()]


def refuse_other_budget(out: Path, tables: Mapping[str, Table], over: str) -> None:
    """Raise UserError where the folder holds rows of other settings, or something else."""
    require_own_folder(out, kind(out / "rows") == "folder", "ablation")
    for run in runs_on_disk(out, tables, over):
        there = Config.load(run.folder / "config.toml")
        if others := [d for d in run.config.differences(there) if d[0] not in _FREE]:
            named = ", ".join(f"{key} is {was!r} there and {now!r} here" for key, now, was in others)
            raise UserError(
                f"{out} holds rows of another budget: {run.folder.name} ({named}).",
                "Choose another folder with -o, or request the same settings.",
            )
