from pathlib import Path

import pytest

from tests.cli.command import good, pix2pix, refused
from tests.helpers import noise, write_model
from tests.pictures.clips.test_movies import make, moving

av = pytest.importorskip("av", reason="needs PyAV: pip install 'pix2pix[video]'")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.safetensors")


def test_a_video_becomes_a_video(model: Path, tmp_path: Path) -> None:
    source = make(tmp_path / "a.mp4", moving(48, 64, 6), [0, 40, 80, 200, 240, 280], sound="aac")
    printed = good("translate", model, source, "-o", tmp_path / "b.mp4")
    assert printed == f"6 frames translated to {tmp_path / 'b.mp4'}\n"
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert len(container.streams.audio) == 1
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([0, 0.04, 0.08, 0.2, 0.24, 0.28])


def test_a_video_that_is_cut_short_is_translated_and_named(model: Path, tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", [noise(48, 64, seed=n) for n in range(40)])
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    result = pix2pix("translate", model, source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 1
    assert "is cut short" in result.stderr
    assert (tmp_path / "b.mp4").exists()
    assert "is cut short" in refused("translate", model, source, "-o", tmp_path / "c.mp4", "--strict")
    assert not (tmp_path / "c.mp4").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--format", "png"], "--format is for pictures"),
        (["--engine", "openvino"], "Add --smooth 0"),
        (["--samples", "2"], "--samples is for pictures"),
    ],
)
def test_options_of_pictures_are_refused_for_clips(
    model: Path, tmp_path: Path, options: list[str], sentence: str
) -> None:
    source = make(tmp_path / "a.mp4", moving(48, 64, 2))
    assert sentence in refused("translate", model, source, "-o", tmp_path / "b.mp4", *options)
