"""What an error says in one line."""

import pytest

from pix2pix.errors import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("  no weights.\nsecond line"), "no weights"),
        (ValueError("expected:"), "expected"),
        (EOFError(), "EOFError"),
        (ValueError(" \n"), "ValueError"),
    ],
)
def test_the_first_line_of_an_error_has_a_text(error: Exception, line: str) -> None:
    assert first_line(error) == line
