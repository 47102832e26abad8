"""An output of a notebook's cell that is replaced as often as it changes. IPython is needed only here."""

import sys
import time
from html import escape
from typing import Any, cast

_SECONDS = 0.5  # between two changes that are shown
_MOST_LINES = 200
_STYLE = "white-space:pre-wrap;max-height:16em;overflow:auto;margin:0"


def is_notebook() -> bool:
    """Return whether a notebook's kernel runs this process."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return type(shell).__name__ not in ("NoneType", "TerminalInteractiveShell")


class Output:
    """One output below the cell that runs; text is for programs that show no HTML."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, html: str, text: str) -> None:
        """Show HTML in place of what was shown before."""
        from IPython import display

        bundle = {"text/html": html, "text/plain": text}
        if self._handle is None:
            self._handle = cast(Any, display).display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class CellProgress:
    """A bar below the lines of a long task, in one output: a cell does not grow with the task."""

    def __init__(self) -> None:
        self._output, self._lines = Output(), list[str]()
        self._bar: tuple[str, float] | None = None
        self._drawn = 0.0

    def log(self, line: str) -> None:
        """Add a line."""
        self._lines = [*self._lines[1 - _MOST_LINES :], line]
        self._draw()

    def update(self, line: str, share: float) -> None:
        """Show how much of the task is done; the bar of a whole one becomes a line."""
        if share >= 1:
            self._bar = None
            self.log(line)
            return
        self._bar = line, share
        if time.monotonic() - self._drawn >= _SECONDS:
            self._draw()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar = None
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        parts = [f'<pre style="{_STYLE}">{escape(chr(10).join(self._lines))}</pre>'] if self._lines else []
        if self._bar is not None:
            line, share = self._bar
            parts.append(f'<progress max="1" value="{share:.4f}"></progress> {escape(line)}')
        self._output.show("".join(parts), "\n".join([*self._lines, *(self._bar or ())[:1]]))
