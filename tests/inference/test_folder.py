from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import DataConfig
from pix2pix.data.origins import find_data
from pix2pix.derive.recipe import source_and_target
from pix2pix.errors import UserError
from pix2pix.files import list_pictures
from pix2pix.inference import folder
from pix2pix.inference.folder import translate_items
from pix2pix.inference.items import Options, plan
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec, geometry
from pix2pix.pictures.contract import PictureContract
from tests.helpers import files_below, item_of, noise, pixels, write, write_model, write_text, write_truncated

WIDE = PictureContract(depth="uint16", high=65535, suffix=".tif")


def test_pictures_are_translated_as_by_the_translator(
    translator: Translator, tmp_path: Path, out: Path
) -> None:
    for n, name in enumerate(["a.png", "x/b.png", "x/c.png"]):
        write(tmp_path / "in" / name, noise(20 + n, 50, seed=n))
    reports: list[tuple[int, int]] = []
    failures = translate_items(
        translator,
        plan([str(tmp_path / "in")], out, translator),
        Options(batch=2, seed=4),
        lambda done, total: reports.append((done, total)),
    )
    assert failures == []
    assert files_below(out) == {"a.png", "x/b.png", "x/c.png"}
    assert reports == [(2, 3), (3, 3)]
    for path in list_pictures(tmp_path / "in"):
        expected = np.asarray(translator.translate(path, seed=4)).astype(int)
        written = pixels(out / path.relative_to(tmp_path / "in"))
        assert abs(written - expected).max() <= 1  # rounding of a batch and of one alone


@pytest.mark.parametrize("half", ["left", "right"])
def test_one_half_of_a_pair_is_translated(
    translator: Translator, tmp_path: Path, out: Path, half: geometry.Side
) -> None:
    pair = noise(32, 64)
    translate_items(translator, [item_of(write(tmp_path / "p.png", pair), out / "p.png")], Options(half=half))
    side = pair[:, :32] if half == "left" else pair[:, 32:]
    assert np.array_equal(pixels(out / "p.png"), np.asarray(translator.translate(side)))


def test_variants_are_written_with_their_spread(translator: Translator, tmp_path: Path, out: Path) -> None:
    path = write(tmp_path / "a.b.png", noise(40, 50))
    translate_items(translator, [item_of(path, out / "a.b.png")], Options(samples=3, seed=2))
    assert files_below(out) == {"a.b-1.png", "a.b-2.png", "a.b-3.png", "a.b-spread.png"}
    result = translator.variants(path, 3, seed=2)
    for number, array in enumerate(result.pictures, 1):
        assert np.array_equal(pixels(out / f"a.b-{number}.png"), array)
    spread = pixels(out / "a.b-spread.png")
    assert spread.shape == (40, 50)
    assert spread.max() == 255
    assert abs(spread / 255 - result.spread / result.spread.max()).max() < 1 / 255


def test_a_model_without_dropout_has_a_black_spread(tmp_path: Path, out: Path) -> None:
    model = write_model(tmp_path / "m.safetensors", "model.dropout=0")
    item = item_of(write(tmp_path / "a.png"), out / "a.png")
    translator = Translator.load(model, "cpu")
    with pytest.raises(UserError, match=r"all 2 samples would be equal.*trained without dropout"):
        translate_items(translator, [item], Options(samples=2))
    translate_items(translator, [item], Options(samples=2, mode="paper"))
    assert (pixels(out / "a-spread.png") == 0).all()


BAD = {"gone.png": lambda path: path, "text.jpg": write_text, "cut.jpg": write_truncated}


def test_bad_files_among_good_ones_are_skipped_and_named(
    translator: Translator, tmp_path: Path, out: Path
) -> None:
    good = [write(tmp_path / f"{n}.png", noise(32, 32, seed=n)) for n in range(12)]
    bad = [make(tmp_path / name) for name, make in BAD.items()]
    sources = [*good[:5], *bad, *good[5:]]
    failures = translate_items(translator, [item_of(path, out / path.name) for path in sources], Options())
    assert files_below(out) == {path.name for path in good}
    assert len(failures) == len(bad)
    for path, failure in zip(bad, failures, strict=True):
        assert str(path) in failure


def test_an_odd_width_is_skipped_where_halves_are_translated(
    translator: Translator, tmp_path: Path, out: Path
) -> None:
    sources = [write(tmp_path / f"{w}.png", noise(8, w)) for w in (16, 17)]
    items = [item_of(path, out / path.name) for path in sources]
    (failure,) = translate_items(translator, items, Options(half="left"))
    assert "17.png is 17 x 8 px, so its halves differ in width" in failure
    assert files_below(out) == {"16.png"}


@pytest.mark.parametrize("name", BAD)
def test_strict_stops_at_the_first_bad_file(
    translator: Translator, tmp_path: Path, out: Path, name: str
) -> None:
    bad = BAD[name](tmp_path / name)
    sources = [write(tmp_path / "a.png"), bad, write(tmp_path / "z.png")]
    items = [item_of(path, out / path.name) for path in sources]
    with pytest.raises(UserError, match=name):
        translate_items(translator, items, Options(strict=True, batch=1))
    assert files_below(out) == {"a.png"}


def test_pictures_are_opened_a_batch_or_two_ahead_and_no_more(
    translator: Translator, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory must not grow with the number of pictures."""
    sources = [write(tmp_path / f"{n:02d}.png", noise(32, 32, seed=n)) for n in range(20)]
    opened, most = [], []
    keep_open, keep_run = folder._open, translator.translate_sources
    monkeypatch.setattr(folder, "_open", lambda *arguments: opened.append(1) or keep_open(*arguments))

    def counted(*arguments: object, **named: object) -> object:
        most.append(len(opened) - 2 * len(most))
        return keep_run(*arguments, **named)

    monkeypatch.setattr(translator, "translate_sources", counted)
    assert translate_items(translator, [item_of(p, out / p.name) for p in sources], Options(batch=2)) == []
    assert len(files_below(out)) == len(opened) == 20
    assert max(most) <= 6


@pytest.mark.parametrize("count", [1, 3])
def test_where_none_can_be_read_it_is_an_error(
    translator: Translator, tmp_path: Path, out: Path, count: int
) -> None:
    items = [item_of(write_text(tmp_path / f"{n}.png"), out / f"{n}.png") for n in range(count)]
    with pytest.raises(UserError, match=r"0\.png is not a picture") as caught:
        translate_items(translator, items, Options(batch=2))
    assert (f"None of the {count} files" in str(caught.value)) == (count > 1)
    assert not out.exists()


def test_an_output_that_cannot_be_written_is_an_error(translator: Translator, tmp_path: Path) -> None:
    items = [item_of(write(tmp_path / "a.png"), tmp_path / "a.png" / "b.png")]
    with pytest.raises(UserError, match=r"Cannot write .*a\.png/b\.png"):
        translate_items(translator, items, Options())


def test_a_picture_that_does_not_fit_the_contract_is_skipped_and_named(tmp_path: Path, out: Path) -> None:
    five = PictureContract(channels=5)
    translator = Translator.load(write_model(tmp_path / "m.safetensors", source=five), "cpu")
    good = [write(tmp_path / "in" / f"{n}.tif", noise(16, 20, 5, n)) for n in range(4)]
    write(tmp_path / "in" / "1b.tif", noise(16, 20, 3))
    write(tmp_path / "in" / "1c.npy", noise(16, 20, 5).astype(np.float32))
    items = plan([str(tmp_path / "in")], out, translator)
    few, floats = translate_items(translator, items, Options())
    assert "1b.tif has 3 channels: wanted 5" in few
    assert "1c.npy holds float32" in floats
    assert files_below(out) == {path.name for path in good}


@pytest.mark.parametrize(
    ("target", "name", "written"),
    [
        (WIDE, "a.png", "a.png"),
        (WIDE, "a.jpg", "a.tif"),
        (PictureContract(channels=1, depth="float32", high=1, suffix=".npy"), "a.png", "a.npy"),
        (PictureContract(channels=5, suffix=".tif"), "a.jpg", "a.tif"),
    ],
    ids=["16 bits", "16 bits of JPEG", "float", "5 channels"],
)
@pytest.mark.parametrize("samples", [1, 2])
def test_files_are_of_the_targets_depth(
    tmp_path: Path, out: Path, target: PictureContract, name: str, written: str, samples: int
) -> None:
    translator = Translator.load(write_model(tmp_path / "m.safetensors", target=target), "cpu")
    source = write(tmp_path / name, noise(16, 20))
    items = plan([str(source)], out, translator, None, samples)
    assert translate_items(translator, items, Options(samples=samples)) == []
    stem, suffix = written.split(".")
    names = {written} if samples == 1 else {f"{stem}-{n}.{suffix}" for n in (1, 2)}
    assert files_below(out) == names | ({"a-spread.png"} if samples > 1 else set())
    variants = translator.variants(source, samples).pictures
    for path, variant in zip(sorted(names), variants, strict=True):
        array = codec.read(out / path)
        assert (str(array.dtype), array.shape) == (target.depth, (16, 20, target.channels))
        assert np.allclose(array, variant, rtol=1e-4, atol=1)


def test_sources_are_made_of_photographs_on_request(tmp_path: Path, out: Path) -> None:
    model = write_model(
        tmp_path / "m.safetensors",
        "data.make=edges",
        source=PictureContract(channels=1),
        photograph=PictureContract(),
    )
    translator = Translator.load(model, "cpu")
    path = write(tmp_path / "a.png", noise(16, 20))
    assert translate_items(translator, [item_of(path, out / "a.png")], Options(make=True)) == []
    assert np.array_equal(pixels(out / "a.png"), translator.translate(path, make=True))


@pytest.mark.parametrize("recipe", ["inpaint:boxes", "mask:{}/masks"])
def test_sources_in_sub_folders_are_made_as_in_training(tmp_path: Path, recipe: str) -> None:
    """Holes and masks go by a photograph's name in training, which holds its sub-folders."""
    recipe, photographs = recipe.format(tmp_path), tmp_path / "photographs"
    for n, name in enumerate(("x/a.png", "y/a.png", "y/b.png")):
        write(photographs / name, noise(32, 32, seed=n))
        write(tmp_path / "masks" / name, (noise(32, 32, 1, seed=n) > 127) * np.uint8(255))
    splits = find_data([str(photographs)], DataConfig(make=recipe)).splits
    names = sorted(pair.name for pairs in splits.values() for pair in pairs)
    model = write_model(tmp_path / "m.safetensors", f"data.make='{recipe}'", photograph=PictureContract())
    translator = Translator.load(model, "cpu")
    for inputs in (photographs, photographs / "**" / "*.png"):
        items = plan([str(inputs)], tmp_path / "out", translator)
        assert [item.key for item in items] == names == ["x/a", "y/a", "y/b"]
        for item in items:
            expected, _ = source_and_target(recipe, codec.read(item.source), item.key)
            opened = folder._open(item, translator, Options(make=True))
            assert isinstance(opened, folder.Opened)
            assert np.array_equal(opened.source, expected)
    assert translate_items(translator, items, Options(make=True)) == []
    (alone,) = plan([str(photographs / "y" / "b.png")], tmp_path / "out", translator)
    assert alone.key == "b"


def test_pixels_without_data_are_written_as_the_targets_files_have_them(tmp_path: Path) -> None:
    contract = PictureContract(channels=1, depth="float32", low=0.0, high=1.0, suffix=".tif", fill=-9999.0)
    model = write_model(tmp_path / "m.safetensors", source=contract, target=contract)
    source = np.full((32, 32, 1), 0.5, np.float32)
    source[:8] = np.nan
    codec.write(source, tmp_path / "in.tif", -9999.0)
    translator = Translator.load(model, "cpu")
    for name in ("a.tif", "b.npy"):
        items = plan([str(tmp_path / "in.tif")], tmp_path / name, translator)
        assert translate_items(translator, items, Options()) == []
    picture, fill = codec.read_picture(tmp_path / "a.tif")
    assert fill == -9999
    assert np.array_equal(np.isnan(picture), np.isnan(source))
    assert (np.load(tmp_path / "b.npy")[:8] == -9999).all()


def test_an_animation_is_translated_with_a_note(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(32, 32, seed=n)) for n in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    translator = Translator.load(write_model(tmp_path / "m.safetensors"), "cpu")
    notes: list[str] = []
    items = plan([str(tmp_path / "a.gif")], tmp_path / "out", translator)
    assert translate_items(translator, items, Options(), note=notes.append) == []
    (note,) = notes
    assert f"{tmp_path / 'a.gif'} is an animation of 3 frames" in note
