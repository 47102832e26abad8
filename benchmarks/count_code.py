"""Count the package's Python: statements without docstrings, the longest files and functions.

    python benchmarks/count_code.py [SRC ...]      one table for each folder of sources

A statement is a node of the syntax tree, so that neither comments nor the line length count.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

_LONGEST = 10


def statements(tree: ast.AST) -> int:
    """Statements of a tree, at any depth, without docstrings."""
    found = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            found += 1
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found -= ast.get_docstring(node, clean=False) is not None
    return found


def report(source: Path) -> list[str]:
    """The lines of the report on one folder of sources."""
    by_folder, lines, functions = Counter[str](), [], []
    for path in sorted(source.rglob("*.py")):
        text = path.read_text("utf-8")
        tree, name = ast.parse(text), path.relative_to(source)
        by_folder[name.parts[0] if len(name.parts) > 1 else "."] += statements(tree)
        lines.append((text.count("\n"), str(name)))
        functions += [
            (node.end_lineno - node.lineno + 1, f"{name}:{node.lineno} {node.name}")
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        ]
    result = [f"{source}: {by_folder.total():,} statements, {sum(n for n, _ in lines):,} lines"]
    result += [f"  {count:6,}  {folder}" for folder, count in by_folder.most_common()]
    for what, found in (("files", lines), ("functions", functions)):
        result += [f"longest {what}, in lines"]
        result += [f"  {count:6,}  {name}" for count, name in sorted(found, reverse=True)[:_LONGEST]]
    return result


if __name__ == "__main__":
    for folder in sys.argv[1:] or ["src/pix2pix"]:
        print(*report(Path(folder)), sep="\n")
