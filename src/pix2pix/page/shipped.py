"""The model that the package carries, so that anyone can draw without training: procedural houses.

houses/model.safetensors    learned by `recipes/houses.toml`, its weights as halves
houses/examples/            pairs that it did not learn from

`make houses` makes both anew, by `tools/ship_houses.py`.
"""

from pathlib import Path

HOUSES = Path(__file__).parent / "houses"
