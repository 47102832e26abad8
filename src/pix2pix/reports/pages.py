"""Write pages that open from disk: jinja2 templates, one style sheet, charts by plotly.

A new page is a template that extends page.html and a function that calls `write_page`. Charts are figures
of charts.py, passed as `figures`; the template places each with the macro `chart`.
"""

import shutil
from collections.abc import Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from pix2pix.files import replacing, write_text
from pix2pix.reports.charts import Figure


def write_page(path: Path, template: str, figures: Sequence[Figure] = (), **values: object) -> None:
    """Fill a template and write it, whole or not at all, with plotly.min.js alongside where it has figures.

    Raises UserError where the page cannot be written.
    """
    text = render(template, figures=figures, **values)
    if figures:
        _copy_plotly(path.parent)
    write_text(path, text)


def render(template: str, **values: object) -> str:
    """Fill a template; text is escaped, and a value that the template lacks is an error."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pix2pix.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["compact"] = compact
    return environment


def compact(number: float) -> str:
    """Return a large number in few characters: 950, 1.5k, 20k, 1.25M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.4g}{letter}"
    return f"{number:.4g}"


def _copy_plotly(folder: Path) -> None:
    """Copy plotly.min.js from the installed package, unless it is there."""
    # Finding the file takes less time than importing the package.
    script = Path(str(distribution("plotly").locate_file("plotly/package_data/plotly.min.js")))
    copy = folder / script.name
    if not copy.is_file() or copy.stat().st_size != script.stat().st_size:
        with replacing(copy) as temporary:
            shutil.copyfile(script, temporary)
