"""The page about the API, made of its OpenAPI: plain HTML, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
h2 { font: 600 1.1rem ui-monospace, monospace; margin-top: 2.5rem }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #8886; padding: .25rem .75rem .25rem 0; text-align: left }
code { font-family: ui-monospace, monospace }
"""
# Its own policy: no scripts at all, and the style above.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"


def docs_page(schema: dict[str, Any]) -> str:
    """Every operation with its parameters, bodies and answers."""
    about = schema["info"]
    parts = [
        f"<h1>{escape(about['title'])} {escape(about['version'])}</h1>",
        f"<p>{escape(about.get('description', ''))} This page as JSON: "
        '<a href="openapi.json">openapi.json</a>. The drawing page: <a href="./">here</a>.</p>',
    ]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            parts += _operation(method.upper(), path, operation)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The API of pix2pix</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2>{method} {escape(path)}</h2><p>{escape(operation.get('description', ''))}</p>"
    if parameters := operation.get("parameters"):
        rows = [(p["name"], p["in"], _values(p["schema"]), p.get("description", "")) for p in parameters]
        yield _table(("parameter", "in", "values", "meaning"), rows)
    if body := operation.get("requestBody"):
        yield f"<p>Body: {_codes(body['content'])}</p>"
    answers = [
        (status, ", ".join(answer.get("content", ())), answer["description"])
        for status, answer in operation["responses"].items()
    ]
    yield _table(("answer", "type", "meaning"), answers)


def _values(schema: dict[str, Any]) -> str:
    """What a parameter may be, in short."""
    choices = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
    first = choices[0]
    told = " | ".join(map(str, first["enum"])) if "enum" in first else str(first.get("type", ""))
    told += f" from {first['minimum']}" if "minimum" in first else ""
    told += f" to {first['maximum']}" if "maximum" in first else ""
    default = schema.get("default")
    return told + (f" (default {json.dumps(default)})" if default is not None else "")


def _codes(content: dict[str, Any]) -> str:
    return ", ".join(f"<code>{escape(kind)}</code>" for kind in content)


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
