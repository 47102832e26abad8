"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

# What commands read.
Data = Annotated[
    list[str],
    Argument(
        help="Folder of pairs; two folders (sources, targets); a manifest (.csv, .jsonl); "
        "hub:OWNER/NAME; with --make, a folder of photographs."
    ),
]
Layout = Annotated[
    str | None,
    Option(help="How DATA is laid out: side-by-side, or its folders SOURCES:TARGETS (images:masks)."),
]
PairNames = Annotated[
    tuple[str, str] | None,
    Option("--pair", metavar="SOURCE TARGET", help="Names that belong together: '{}.jpg' '{}_mask.png'."),
]

# How a run is configured.
Recipe = Annotated[str | None, Option(metavar="NAME|FILE", help="Recipe of the package, or a TOML file.")]
Settings = Annotated[
    list[str] | None, Option("--set", metavar="KEY=VALUE", help="Change a setting; repeatable.")
]
Device = Annotated[str, Option(help="auto, cpu, cuda, cuda:1, mps.")]
Precision = Annotated[str, Option(help="auto, fp32, tf32, bf16: of products; the rest is float32.")]
Strict = Annotated[bool, Option("--strict", help="Stop at the first bad file.")]

# How pictures are translated, alone or as a collection.
Format = Annotated[
    str | None, Option("--format", help="png, jpg...  [default: the input's; label maps: the targets']")
]
Half = Annotated[str, Option(help="left or right half of side-by-side pictures.")]
Make = Annotated[bool, Option("--make", help="Make sources from photographs, as in training.")]
Mode = Annotated[str | None, Option(help="paper, deterministic or running.  [default: the model's]")]
NoiseSeed = Annotated[int, Option(min=0, max=2**32 - 1, help="Fixes the noise.")]
Scale = Annotated[
    str | None,
    Option(metavar="train|PX|HxW", help="Scale pictures to training's or this size, and results back."),
]

_OWN_MODEL = "  [default: the package's houses]"
ModelFile = Annotated[
    Path | None,
    Argument(show_default=False, help=f"A model.safetensors, or the folder of a run.{_OWN_MODEL}"),
]

# What is written, and where a server listens.
Out = Annotated[Path, Option("--out", "-o", help="Folder to write to.")]
Host = Annotated[str, Option(help="Address to listen at; 0.0.0.0 lets other machines in.")]
Port = Annotated[
    int | None, Option(min=0, max=65535, help="0 takes any free one.  [default: 8000 or the next]")
]
OpenPage = Annotated[bool, Option("--open", help="Open the page in a browser.")]


def models_argument(text: str) -> Any:
    """Return the argument of several models, which may be left out."""
    return Argument(metavar="[MODEL...]", show_default=False, help=text + _OWN_MODEL)
