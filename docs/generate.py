"""Write the pages generated from the code and the README: commands, settings, start pages.

`make docs` writes them, and a test compares them with `pages()`, so that they stay up to date.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import typer

from pix2pix.cli.main import app
from pix2pix.config import Config, recipe_names

HERE = Path(__file__).parent
# Files outside docs -> their pages of the site.
PAGES_OF_ROOT = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changes.md",
    "README.md": "index.md",
    "README.zh.md": "index.zh.md",
    "SECURITY.md": "security.md",
}
# A link to the drawing page, before the first picture of the start pages. `make site` adds that page.
DRAW = {
    "README.md": "**[Draw a house](draw/index.html)**: the package's own model, in your browser.",
    "README.zh.md": "**[画一座房子](draw/index.html)**：随包附带的模型，就在浏览器里运行。",
}


def pages() -> dict[str, str]:
    """Return the text of every generated page, by file name."""
    return {
        "commands.md": _commands(),
        "settings.md": _settings(),
        "index.md": _from_root("README.md"),
        "index.zh.md": _from_root("README.zh.md"),
    }


def _from_root(name: str) -> str:
    """Return a file of the root as a page: links lead to pages of the site, links to code are dropped."""
    text = (HERE.parent / name).read_text("utf-8")
    before, picture, after = text.partition("![")

    def linked(match: re.Match[str]) -> str:
        shown, target = match.groups()
        if target.startswith("docs/"):
            return f"[{shown}]({target.removeprefix('docs/')})"
        if target in PAGES_OF_ROOT:
            return f"[{shown}]({PAGES_OF_ROOT[target]})"
        return shown if "://" not in target else match[0]

    linking = re.compile(r"\[([^]]*)\]\(([^)]*)\)")
    return linking.sub(linked, before) + f"{DRAW[name]}\n\n" + linking.sub(linked, picture + after)


def _commands() -> str:
    parts = [
        "# Commands\n\nExit codes: 0 success; 1 done, with failures listed at the end; 2 refused, with the "
        "reason in one sentence; 130 stopped by the user.\n"
    ]
    for name, command in _named(typer.main.get_command(app)):
        about, _, examples = (command.help or "").partition("\b")
        rows = [_row(p) for p in command.params if p.name != "help"]
        table = "\n".join(["| argument or option | meaning | default |", "|---|---|---|", *rows])
        parts.append(f"## {name}\n\n{about.strip()}\n\n```sh\n{examples.strip()}\n```\n\n{table}\n")
    return "\n".join(parts)


def _named(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, such as `data fetch`."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from _named(command, f"{before}{name} ")
        else:
            yield before + name, command


def _row(parameter: Any) -> str:
    """Return one line of a command's table, in a layout that does not depend on typer's version."""
    option = parameter.param_type_name == "option"
    names = ", ".join(f"`{o}`" for o in parameter.opts) if option else f"`{parameter.name.upper()}`"
    help_text, _, stated = (parameter.help or "").partition("  [default: ")
    shown = stated.rstrip("]") or ("" if parameter.default in (None, ()) else str(parameter.default))
    default = "" if parameter.default is False or not option else shown
    return f"| {names} | {help_text} | {'required' if parameter.required else default} |"


def _settings() -> str:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for section, model in Config():
        for key, field in type(model).model_fields.items():
            value = str(getattr(model, key)).lower()
            rows.append(f"| `{section}.{key}` | {value} | {field.description} |")
    recipes = ["| recipe | what it is, and what it changes |", "|---|---|", *map(_recipe, recipe_names())]
    return (
        "# Settings\n\nThe defaults are those of the paper. Set one with `--set section.key=value`, or "
        "several with a TOML file: `--recipe mine.toml`. `pix2pix config` prints the resulting settings.\n\n"
        + "\n".join(rows)
        + "\n\n## Recipes\n\nSelect one with `--recipe NAME`. "
        "`pix2pix config --recipe NAME` prints its settings.\n\n" + "\n".join(recipes) + "\n"
    )


def _recipe(name: str) -> str:
    """Return one line of the table of recipes: the first paragraph of the file's head, and its settings."""
    text = (resources.files("pix2pix") / "recipes" / f"{name}.toml").read_text("utf-8")
    head = text.split("\n#\n")[0].replace("# ", "").replace("\n", " ")
    values = tomllib.loads(text)
    changed = ", ".join(f"`{s}.{key}={_shown(v)}`" for s, keys in values.items() for key, v in keys.items())
    return f"| `{name}` | {head}<br>{changed} |"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")
