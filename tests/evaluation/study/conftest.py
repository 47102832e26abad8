"""The browser of the drawing page's tests serves here too."""

from tests.page.conftest import browser

__all__ = ["browser"]
