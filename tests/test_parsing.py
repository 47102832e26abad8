"""Texts that would fill the memory or end in a traceback are refused in words."""

import os
import tracemalloc
from pathlib import Path

import pytest

from pix2pix.parsing import parse_json, parse_toml, read_toml

HOSTILE = {
    "a" + ".a" * 100_000 + " = 1": "a key of more than 32 parts",
    "[" + ".".join("a" * 40) + "]": "a key of more than 32 parts",
    '"a' + '"."a' * 50 + '" = 1': "a key of more than 32 parts",
    '"a,' + '"."a,' * 50 + '" = 1': "a key of more than 32 parts",
    "x = [1, {" + "a." * 50 + "a = 1}]": "a key of more than 32 parts",
    "x = " + "[" * 5_000: "nested too deeply",
    "x = " + "9" * 5_000: "limit",
    "x = 0x" + "f" * 9_000: "a whole number of more than 64 bits",
    'x = """\n"""': "strings of several lines",
    "x = '''\n''' ": "strings of several lines",
    "x = 'open": "at end of document",
    "# " + "a" * 2_000_001: "2,000,003 characters",
}


@pytest.mark.parametrize(("text", "words"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_hostile_toml_is_refused_at_no_cost(text: str, words: str) -> None:
    tracemalloc.start()
    with pytest.raises(ValueError, match=words) as caught:
        parse_toml(text)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert len(str(caught.value)) < 300


def test_honest_toml_is_read() -> None:
    lines = [
        "# a.b.c" + "." * 50,
        "x = [0.1, 0.25, 1.5]  # ....",
        '"a.b" = "' + "." * 60 + '"',
        "y = 'C:\\a.b'",
        'z = "it\'s \\"so\\""',
        "[c.d]",
        "e = 2026-01-01",
    ]
    values = parse_toml("\n".join(lines))
    assert values["x"] == [0.1, 0.25, 1.5]
    assert values["a.b"] == "." * 60
    assert (values["y"], values["z"]) == ("C:\\a.b", 'it\'s "so"')


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, "{", ""])
def test_hostile_json_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.toml")
    with pytest.raises(OSError, match="a pipe or a device"):
        read_toml(tmp_path / "a.toml")
