"""What an error says in one line."""

import pytest

from pix2pix.errors import UserError, first_line, shortened


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


def test_what_a_file_says_moves_no_cursor_and_turns_no_text_around() -> None:
    error = UserError("a\x1b[31mred\x9b\r\nb\u202ec", "\x07d")
    assert str(error) == "a\\x1b[31mred\\x9b  b\\u202ec \\x07d"
    assert (error.message, error.hint) == ("a\\x1b[31mred\\x9b  b\\u202ec", "\\x07d")
    assert str(UserError("caf\udce9.png")) == "caf\ufffd.png"
    assert str(UserError("日本\u3000é e\u0301.png")) == "日本\u3000é e\u0301.png"


def test_a_long_text_is_cut() -> None:
    assert shortened("a" * 200) == "a" * 200
    assert shortened("a" * 201) == "a" * 196 + " ..."
