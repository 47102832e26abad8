from pathlib import Path

from pix2pix.page.names import model_names


def test_names_differ_even_where_one_looks_numbered() -> None:
    paths = [Path(f"/{place}.safetensors") for place in ("x/a-3", "x/a", "y/a", "z/a", "x/a-3")]
    assert model_names(paths) == ["a-3", "a", "a-2", "a-4", "a-3-2"]
