"""Runs, pairs and previews in a notebook, where they show themselves as the last value of a cell.

from pix2pix.notebook import Pairs, Run

Pairs("facades")              # the pairs as training sees them
run = Run("runs/facades")     # its state, the latest scores and preview
run.metrics                   # metrics.jsonl as a table
run.show()                    # with curves
run.translator.translate("labels.png")
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pix2pix.config import Config
from pix2pix.data.labels import with_found_labels
from pix2pix.data.origins import find_data
from pix2pix.data.reading import Reading, find_reading
from pix2pix.errors import UserError
from pix2pix.files import version
from pix2pix.inference.translator import Translator
from pix2pix.pairs.find import Pair
from pix2pix.pairs.pair_set import PairSet, evenly_spread
from pix2pix.parsing import parse_json
from pix2pix.pictures import codec, geometry, tensors
from pix2pix.progress import describe_scores
from pix2pix.progress.cell import Output, is_notebook
from pix2pix.reports.charts import Figure
from pix2pix.reports.pages import render
from pix2pix.reports.training_page import find_previews, read_metrics, training_figures
from pix2pix.training.plan import pairs_in_words
from pix2pix.training.run_folder import RunFolder

_SHOWN_PAIRS = 4
_SHOWN_ROWS = 10  # of a table: half of them its first, half its last
_COLOURS = {"one": "#3b82c4", "two": "#c4691c", "three": "#8a6fc9", "four": "#2b9080"}
_CHART_PX = 260


class Table(Sequence[Mapping[str, float]]):
    """Numbers by rows, which may lack columns: `table[-1]["loss_l1"]`, `table.column("loss_l1")`."""

    def __init__(self, rows: Sequence[Mapping[str, float]]) -> None:
        self._rows = rows
        self.columns = list(dict.fromkeys(name for row in rows for name in row))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        rows = self._rows[place]
        return Table(rows) if isinstance(place, slice) else rows

    def column(self, name: str) -> list[float | None]:
        """Return a column, with None where a row lacks it; raises UserError for an unknown one."""
        if name not in self.columns:
            raise UserError(f"There is no column '{name}': wanted one of {', '.join(self.columns)}.")
        return [row.get(name) for row in self._rows]

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame; raises UserError where pandas is missing."""
        try:
            from pandas import DataFrame
        except ModuleNotFoundError:
            raise UserError(
                "to_pandas needs the package pandas.", "Install it with pip install pandas."
            ) from None
        return DataFrame([dict(row) for row in self._rows], columns=self.columns)

    def __repr__(self) -> str:
        return f"Table of {len(self)} rows: {', '.join(self.columns)}"

    def _repr_html_(self) -> str:
        rows = [[f"{row[name]:.6g}" if name in row else "" for name in self.columns] for row in self._rows]
        if len(rows) > _SHOWN_ROWS:
            half = _SHOWN_ROWS // 2
            rows = [*rows[:half], ["…" for _ in self.columns], *rows[-half:]]
        return _html(f"{len(self):,} rows", columns=self.columns, rows=rows)


class Preview:
    """Source, output and target of a few pairs, after so many images seen."""

    def __init__(self, path: Path) -> None:
        self.path, self.images_seen = path, int(path.stem)

    def __repr__(self) -> str:
        return f"Preview at image {self.images_seen:,}: {self.path}"

    def _repr_html_(self) -> str:
        return _html(f"image {self.images_seen:,}", picture=_picture(codec.read(self.path)))


class Pairs:
    """The pairs of DATA as training with a configuration sees them.

    `data` is what the command `train` takes. Raises UserError where there are no pairs.
    """

    def __init__(self, *data: str | Path, config: Config | None = None) -> None:
        config = config or Config()
        self.pair_set: PairSet = find_data(data, config.data)
        training = self.pair_set.splits["train"]
        self._config = with_found_labels(config, training)
        self.reading: Reading = find_reading(training, self._config)

    def __len__(self) -> int:
        return len(self.pair_set.splits["train"])

    def __iter__(self) -> Iterator[tuple[codec.Array, codec.Array]]:
        """Yield source and target of each training pair, (H, W, 3) uint8 for a person to see."""
        return (self._views(pair) for pair in self.pair_set.splits["train"])

    def _views(self, pair: Pair) -> tuple[codec.Array, codec.Array]:
        stored = [tensors.to_levels(array) for array in self.reading.read(pair, self._config.data.size)]
        source, target = self.reading.tensors(tensors.from_levels, [levels[None] for levels in stored])
        arrays = (
            tensors.to_array(source[0], self.reading.source),
            tensors.to_array(target[0], self.reading.target),
        )
        source_view, target_view = self.reading.view(*arrays)
        return source_view, target_view

    def __repr__(self) -> str:
        return f"Pairs: {pairs_in_words(self.pair_set)}"

    def _repr_html_(self) -> str:
        chosen = evenly_spread(self.pair_set.splits["train"], _SHOWN_PAIRS)
        sheet = geometry.grid([self._views(pair) for pair in chosen], ("source", "target"))
        names = "from above: " + ", ".join(pair.name for pair in chosen)
        return _html(pairs_in_words(self.pair_set), [names], picture=_picture(codec.from_pillow(sheet)))


class Run:
    """A run by its folder, also while it is trained; raises UserError where the folder holds none."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._files = RunFolder(self.folder)
        if not self._files.written_config.is_file():
            raise UserError(
                f"{self.folder} is no run: it has no {self._files.written_config.name}.",
                "Wanted the folder that `train` wrote, such as runs/facades.",
            )
        self.config = Config.load(self._files.written_config)
        self._translator: Translator | None = None
        self._loaded: tuple[str, int, int] | None = None  # version of the model's file

    @property
    def translator(self) -> Translator:
        """The model as of the last save by now; raises UserError before the first one."""
        saved = version(self._files.model)
        if self._translator is None or saved != self._loaded:
            self._translator, self._loaded = Translator.load(self._files.model), saved
        return self._translator

    @property
    def metrics(self) -> Table:
        """What metrics.jsonl has by now, a row for each number of images seen."""
        rows: dict[float, dict[str, float]] = {}
        for line in read_metrics(self._files.metrics):
            rows.setdefault(line["images"], {}).update(line)
        return Table(list(rows.values()))

    @property
    def previews(self) -> list[Preview]:
        """The previews by now, the oldest first."""
        folder = self.folder / "previews"
        return [Preview(folder / name) for name in find_previews(folder).values()]

    @property
    def pairs(self) -> Pairs:
        """The pairs that it is trained on; raises UserError where they are no longer there."""
        file = self.folder / "environment.json"
        try:
            data = parse_json(file.read_text("utf-8"))["data"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{file} does not say what the run is trained on.", "Name it: Pairs(DATA, config=run.config)."
            ) from None
        return Pairs(*data, config=self.config)

    def show(self) -> None:
        """Show state, scores, the latest preview and curves; outside a notebook print them in a line."""
        if not is_notebook():
            print(f"{self!r}\npage: {self.folder / 'index.html'}")
            return
        Output().show(self._repr_html_(), repr(self))
        if charts := training_figures(read_metrics(self._files.metrics)):
            _show_charts(charts)

    def __repr__(self) -> str:
        return f"Run {self.folder}: {', '.join(self._facts())}"

    def _repr_html_(self) -> str:
        previews = self.previews[-1:]
        picture = _picture(codec.read(previews[0].path)) if previews else ""
        shown = [f"preview at image {previews[0].images_seen:,}"] if previews else []
        return _html(str(self.folder), [*self._facts(), *shown], picture=picture)

    def _facts(self) -> list[str]:
        metrics = self.metrics
        seen = max((int(row["images"]) for row in metrics), default=0)
        scores = next((row for row in reversed(metrics) if any(k.startswith("val_") for k in row)), {})
        words = describe_scores({name: v for name, v in scores.items() if name.startswith("val_")})
        return [f"{seen:,} of {self.config.training.images:,} images seen", *([words] if words else [])]


def _html(
    title: str,
    facts: Sequence[str] = (),
    *,
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
    picture: str = "",
) -> str:
    return render("cell.html", title=title, facts=facts, columns=columns, rows=rows, picture=picture)


def _picture(array: codec.Array) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(codec.to_bytes(array, 'jpeg')).decode()}"


def _show_charts(charts: Sequence[Figure]) -> None:
    """Show charts in two columns, by what the notebook's program can draw."""
    from plotly.subplots import make_subplots

    places = [(n // 2 + 1, n % 2 + 1) for n in range(len(charts))]
    rows = places[-1][0]
    figure = make_subplots(
        rows, 2, subplot_titles=[chart["title"] for chart in charts], vertical_spacing=0.3 / rows
    )
    for (row, column), chart in zip(places, charts, strict=True):
        for trace in chart["data"]:
            line = {**trace["line"], "color": _COLOURS[trace["meta"]]}
            figure.add_trace({"type": "scatter", **trace, "line": line}, row=row, col=column)
        figure.update_yaxes(range=chart["layout"]["yaxis"]["range"], row=row, col=column)
    margin = {"l": 40, "r": 10, "t": 40, "b": 30}
    figure.update_layout(height=_CHART_PX * rows, showlegend=False, margin=margin)
    try:
        figure.show()
    except ValueError as error:  # plotly's own way to say that nbformat is missing
        raise UserError(f"{error}.", "Install it with pip install 'pix2pix[notebook]'.") from None
