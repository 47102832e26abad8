import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import typer
from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

from pix2pix.cli.data import data_app
from pix2pix.cli.main import _Commands
from tests.helpers import files_below, noise, pixels, scene, write, write_pairs, write_text

app = typer.Typer(cls=_Commands, pretty_exceptions_enable=False)
app.add_typer(data_app, name="data")


def data(*words: str | Path) -> Result:
    """Run `pix2pix data ...` in this process; what is no answer to the user is a defect."""
    result = CliRunner().invoke(app, ["data", *(str(word) for word in words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def good(*words: str | Path) -> str:
    result = data(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str | Path) -> str:
    result = data(*words)
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def archive(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name in names:
            out.addfile(tarfile.TarInfo(name), io.BytesIO())
    return path


@pytest.mark.parametrize("name", sorted(get_command(data_app).commands))
def test_every_command_explains_itself_by_an_example(name: str) -> None:
    assert f"pix2pix data {name} " in good(name, "--help")


def test_fetch_says_what_there_is_and_what_to_do_next(place: Path) -> None:
    packed = archive(place / "mine.tar.gz", "facades/train/1.jpg", "facades/val/2.jpg")
    result = data("fetch", "facades", "--from", packed)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "facades: train 1, val 1; left photograph, right label map",
        "next: pix2pix train facades --set data.source=right",
    ]
    assert "not verified: no SHA-256 of facades is known" in result.stderr
    assert "the authors' archive holds train 400, val 100, test 106" in result.stderr
    assert "is there already" in data("fetch", "facades").stderr


def test_check_ends_with_what_it_found(place: Path) -> None:
    places = [(split, n) for split, count in (("train", 5), ("val", 2)) for n in range(count)]
    for number, (split, n) in enumerate(places):
        for half, seed in (("source", number), ("target", number + 50)):
            write(place / "in" / split / half / f"{n}.png", noise(32, 48, seed=seed))
    lines = good("check", "in").splitlines()
    assert [line.split(maxsplit=1)[0] for line in lines[:2]] == ["Pairs", "Layout"]
    assert "5 in train, 2 in val" in lines[0]
    assert "two folders" in lines[1]
    assert any("48 x 32 px" in line for line in lines)
    assert any("8 bit" in line for line in lines)
    assert lines[-2].startswith("nothing wrong")
    assert lines[-1] == "report: report/index.html"

    write_text(place / "in" / "train" / "source" / "4.png")
    result = data("check", "in")
    assert result.exit_code == 1
    assert "nothing wrong" not in result.stdout
    assert "4.png is not a picture" in result.stdout


def test_fetch_names_the_sets_that_it_knows() -> None:
    assert "wanted one of facades, maps, cityscapes" in refused("fetch", "facade")


def test_fetch_tells_what_the_licence_of_cityscapes_asks() -> None:
    message = refused("fetch", "cityscapes")
    assert "Register at https://www.cityscapes-dataset.com" in message
    assert "--accept-licence" in message


def test_split_counts_and_names_what_was_left_out(place: Path) -> None:
    write_pairs(place / "in", 20, 8)
    assert good("split", "in", "-o", "out", "--val", "0.3", "--test", "0.2").startswith("out: train ")
    assert good("split", "in", "-o", "out", "--val", "0.3", "--test", "0.2").endswith(", 20 there before\n")
    (place / "in" / "empty.png").touch()
    write_text(place / "in" / "notes.txt")
    result = data("split", "in", "-o", "new", "--link")
    assert result.exit_code == 1
    assert "1 pair was left out:\n  in/empty.png is empty" in result.stderr
    assert "not used, as no pictures of pairs:\n  in/notes.txt" in result.stderr
    assert len(files_below(place / "new")) == 20


def test_combine_makes_pairs_of_two_folders(place: Path) -> None:
    for folder in ("s", "t"):
        write(place / folder / "a.png")
    assert good("combine", "s", "t", "-o", "out") == "out: 1 pairs\n"
    assert pixels(place / "out" / "a.png").shape == (32, 64, 3)
    assert "exists" in refused("combine", "s", "t", "-o", "out")
    assert good("combine", "s", "t", "-o", "out", "--force", "--format", "TIF")
    assert "--format gif is unknown" in refused("combine", "s", "t", "-o", "out", "--format", "gif")


@pytest.mark.parametrize(
    ("size", "words", "shape"),
    [("16", [], (16, 16, 3)), ("16x24", [], (16, 24, 3)), ("16x24", ["--pairs", "--nearest"], (16, 48, 3))],
)
def test_resize_takes_height_and_width(
    place: Path, size: str, words: list[str], shape: tuple[int, ...]
) -> None:
    write(place / "in" / "a.png", noise(20, 40))
    assert good("resize", "in", "-o", "out", "--size", size, *words) == "out: 1 pictures\n"
    assert pixels(place / "out" / "a.png").shape == shape


@pytest.mark.parametrize("size", ["", "x", "0", "256x", "16x0", "-1", "1.5", "256,512", "99999"])
def test_resize_refuses_what_is_no_size(place: Path, size: str) -> None:
    write(place / "in" / "a.png")
    assert "is no size" in refused("resize", "in", "-o", "out", f"--size={size}")
    assert not (place / "out").exists()


def test_the_palette_of_the_half_that_has_labels(place: Path) -> None:
    from pix2pix.pictures.palette_file import load_palette

    for n in range(12):
        write(place / "eyes" / "images" / f"{n}.jpg", scene(n, 48, 64))
        areas = np.kron(scene(n, 12, 16, 1)[:, :, 0] // 128, np.ones((4, 4), np.uint8))
        write(place / "eyes" / "1st_manual" / f"{n}.png", areas[:, :, None] * np.uint8(255))
    for words in ([], ["--half", "target"], ["--layout", "1st_manual:images", "--half", "source"]):
        write_text(place / "classes.toml", good("palette", "eyes", *words))
        assert set(load_palette("classes.toml").colours) == {(0, 0, 0), (255, 255, 255)}
    assert good("palette", "eyes/1st_manual") == (place / "classes.toml").read_text()
    assert "share no palette" in refused("palette", "eyes", "--half", "source")


def test_archives_and_globs_are_taken_in_place_of_folders(place: Path) -> None:
    for n in range(12):
        write(place / "s" / f"{n}.png", scene(n, 32, 32))
        write(place / "t" / f"{n}.png", scene(n, 32, 32, 1) // 128 * np.uint8(255))
    for half in ("s", "t"):
        shutil.make_archive(str(place / half), "zip", place / half)
    assert good("combine", "s.zip", "t/*.png", "-o", "pairs").startswith("pairs: 12 pairs")
    shutil.make_archive(str(place / "packed"), "gztar", place / "pairs")
    assert good("split", "packed.tar.gz", "-o", "a", "--layout", "side-by-side").startswith("a: train ")
    assert good("split", "s/*.png", "t.zip", "-o", "b").startswith("b: train ")
    assert len(files_below(place / "b")) == 24
    assert good("palette", "t.zip") == good("palette", "t/*.png") == good("palette", "t")
    assert good("resize", "s/[0-4].png", "-o", "small", "--size", "16") == "small: 5 pictures\n"
    assert good("check", "s/*.png", "t.zip")


@pytest.mark.parametrize(
    "words", [("split", "-o", "out"), ("palette",), ("resize", "-o", "out", "--size", "16"), ("check",)]
)
def test_refusals_name_the_archive_and_not_where_it_was_unpacked(
    place: Path, cache: Path, words: tuple[str, ...]
) -> None:
    write_text(place / "set" / "a.txt")
    shutil.make_archive(str(place / "packed"), "zip", place, "set")
    message = refused(words[0], "packed.zip", *words[1:])
    assert "packed.zip" in message
    assert str(cache) not in message


def test_pictures_that_are_left_out_are_named_within_their_archive(place: Path, cache: Path) -> None:
    write(place / "set" / "a.png", scene(0, 32, 32))
    write_text(place / "set" / "b.png")
    write_text(place / "set" / "notes.txt")
    shutil.make_archive(str(place / "packed"), "zip", place, "set")
    result = data("resize", "packed.zip", "-o", "out", "--size", "16")
    assert result.exit_code == 1
    assert "packed.zip/set/b.png is not a picture" in result.stderr
    assert "packed.zip/set/notes.txt" in result.stderr
    assert str(cache) not in result.stderr


@pytest.mark.parametrize(
    "words", [("split", "{}", "-o", "out"), ("combine", "s", "{}", "-o", "out"), ("palette", "{}")]
)
def test_lists_of_pairs_are_named_where_folders_are_wanted(place: Path, words: tuple[str, ...]) -> None:
    write(place / "s" / "a.png")
    for listed, what in (("pairs.csv", "is a manifest"), ("hub:owner/name", "is a hub data set")):
        message = refused(*(word.format(listed) for word in words))
        assert f"{listed} {what}: wanted a folder, an archive or a glob" in message


def heights(folder: Path, fill: float) -> None:
    """Photographs and heights from 0 to 1 of float, of which the first rows have no data."""
    for n in range(12):
        height = scene(n, 32, 32, 1).astype(np.float32) / 255
        height[:4] = fill
        write(folder / "source" / f"{n}.png", scene(n, 32, 32))
        write(folder / "target" / f"{n}.npy", height)


def test_check_knows_what_has_no_data(place: Path) -> None:
    heights(place / "in", -9999)
    result = data("check", "in")
    assert result.exit_code == 1
    assert "few pixels set the range" in result.stdout
    stated = good("check", "in", "--set", "data.target_fill=[-9999]")
    assert "12.50% of the values (-9999)" in stated
    assert "nothing wrong" in stated
    assert "-9999" not in (place / "report" / "index.html").read_text().split("plotly")[-1]
    assert "nothing wrong" in good("check", "in", "--set", "data.target_range=[0,1]")
    heights(place / "nan", np.nan)
    assert "12.50% of the values (NaN)" in good("check", "nan")


def test_check_refuses_settings_that_it_does_not_use(place: Path) -> None:
    write_pairs(place / "in", 3)
    message = refused("check", "in", "--set", "training.images=3")
    assert "training.images has no effect here: data check uses data.layout," in message
    assert good("check", "in", "--set", "data.source=right")


def test_sample_draws_pairs(place: Path) -> None:
    words = ("sample", "-o", "out", "--count", "2", "--val", "1", "--size", "32")
    assert good(*words) == "out: train 2, val 1 pairs, source left\n"
    assert pixels(place / "out" / "train" / "0001.png").shape == (32, 64, 3)
    assert "exists" in refused(*words)


def test_no_command_is_slow_to_explain_itself() -> None:
    import subprocess
    import sys

    code = "import sys, pix2pix.cli.data; print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_check_that_is_refused_names_calls_of_its_own(place: Path) -> None:
    for half in ("ct", "mr"):
        for n in range(4):
            write_text(place / "in" / half / f"{n}.png")
    assert "`pix2pix data check in --layout ct:mr`" in refused("check", "in")
