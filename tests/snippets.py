"""The code of the documents: blocks of a language, and the commands in blocks of a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FROM_ROOT = {
    "index.md",
    "index.zh.md",
    "architecture.md",
    "changes.md",
}  # pages that repeat a file of the root


@dataclass(frozen=True)
class Block:
    """Code between fences: where it stands, its language and its text."""

    path: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def documents() -> list[Path]:
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.name not in FROM_ROOT]
    return sorted([*ROOT.glob("README*.md"), *pages])


def blocks(path: Path) -> Iterator[Block]:
    """Every block with a language; an indented one, in a list, without its indentation."""
    fence = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    text = path.read_text("utf-8")
    for match in fence.finditer(text):
        indent, language, code = match.groups()
        code = re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)
        yield Block(path, text.count("\n", 0, match.start()) + 1, language, code)


def commands(shell: str) -> Iterator[list[str]]:
    """The words of each command: lines joined, comments dropped, `$NAME` replaced by what NAME="..." says."""
    variables: dict[str, str] = {}
    pending = ""
    for line in shell.splitlines():
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a quote that is still open
            pending += "\n"
            continue
        pending = ""
        if len(words) == 1 and (assigned := re.fullmatch(r"([A-Z]+)=(.*)", words[0], re.DOTALL)):
            variables[assigned[1]] = assigned[2].replace("\\\n", " ")
            continue
        words = [piece for word in words for piece in _expanded(word, variables)]
        if words:
            yield words


def _expanded(word: str, variables: dict[str, str]) -> list[str]:
    """Return what a shell makes of an unquoted word: what stands in variables is split."""
    filled = re.sub(r"\$([A-Z]+)", lambda m: variables.get(m[1], m[0]), word)
    return [word] if filled == word else shlex.split(filled)


def ours(words: list[str]) -> list[str] | None:
    """What a command hands to pix2pix, which torchrun and others may start; None where none of it is ours."""
    places = [i for i, word in enumerate(words) if word.rpartition("/")[2] == "pix2pix"]
    if not places or words[:2] == ["docker", "build"]:  # where it is the name of an image
        return None
    rest = words[places[0] + 1 :]
    ends = [i for i, word in enumerate(rest) if word in ("|", ">", "&&", ";", "...")]
    return rest[: ends[0]] if ends else rest
