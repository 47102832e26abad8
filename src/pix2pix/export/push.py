"""A model on the Hugging Face hub, with a card that says what it is and where it comes from."""

from pathlib import Path

from pix2pix.hub import upload_model
from pix2pix.inference.describe import describe_model
from pix2pix.model_file import model_path, read_header

_PICTURES = "samples.png"
# Of this machine, or said elsewhere on the card.
_NOT_ON_CARD = {"translate", "of such pairs", "started from"}


def push_model(run: Path, name: str, *, private: bool = False) -> str:
    """Put the model of a run, or a model file, and its card into OWNER/NAME; return the address.

    The newest preview of the run becomes the card's pictures. Raises UserError where `run` holds no
    model, and what `upload_model` raises.
    """
    model = model_path(run)
    previews = sorted(model.parent.glob(f"previews/{'[0-9]' * 9}.png"))
    files: dict[str, Path | bytes] = {"model.safetensors": model}
    if previews:
        files[_PICTURES] = previews[-1]
    card = make_card(model, name, int(previews[-1].stem) if previews else None)
    return upload_model(name, {"README.md": card.encode(), **files}, private=private)


def make_card(model: Path, name: str, preview_images: int | None) -> str:
    """Return the model card, Markdown with the hub's header; `preview_images` were seen at the preview."""
    facts = [(label, value) for label, value in describe_model(model) if label not in _NOT_ON_CARD]
    title, scores = name.partition("/")[2], read_header(model).provenance.scores
    pictures = ""
    if preview_images is not None:
        pictures = (
            f"![samples]({_PICTURES})\n\nSource, output and target after {preview_images:,} images.\n\n"
        )
    rows = [f"| {label} | {_in_cell(value)} |" for label, value in facts if label not in scores]
    measured = [f"| {label} | {value:g} |" for label, value in scores.items()]
    sections = [
        "---\nlibrary_name: pix2pix\npipeline_tag: image-to-image\ntags:\n- pix2pix\n- image-to-image\n---\n",
        f"# {title}\n\n{pictures}Translates pictures; trained from pairs (Isola et al. 2017).\n",
        "## Use\n\n```sh\npip install 'pix2pix[hub]'\n"
        f"pix2pix translate hub:{name} PICTURES -o OUT\n```\n\n```python\nfrom pix2pix import Translator\n\n"
        f'Translator.from_pretrained("{name}").translate("in.png").save("out.png")\n```\n',
        "## What it is\n\n| | |\n|---|---|\n" + "\n".join(rows) + "\n",
    ]
    if measured:
        sections.append(
            "## Scores on its validation pairs\n\n| | |\n|---|---|\n" + "\n".join(measured) + "\n"
        )
    return "\n".join(sections)


def _in_cell(text: str) -> str:
    """Return a text that cannot leave its cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
