"""An evaluation from a model and pairs, or two folders, to its files: scores, resuming, bad input."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from pix2pix.config import Mode
from pix2pix.derive.lab import LAB_RANGES
from pix2pix.errors import UserError
from pix2pix.evaluation.columns import Columns
from pix2pix.evaluation.evaluate import Evaluation, evaluate, write_scores
from pix2pix.evaluation.labels import LabelScores, find_labels
from pix2pix.evaluation.model_subject import ModelSubject
from pix2pix.evaluation.per_picture import Options
from pix2pix.evaluation.report import write_report
from pix2pix.evaluation.subjects import Example, FolderSubject, Subject
from pix2pix.measures import features
from pix2pix.measures.features import FeatureNetwork
from pix2pix.model_file import ImageContract
from pix2pix.pictures import codec
from pix2pix.pictures.contract import Ignored, LabelClass, PictureContract
from pix2pix.pictures.palette import Palette
from pix2pix.pictures.tensors import to_tensor
from pix2pix.progress import Progress
from tests.helpers import write_model, write_text

# Cheap and different for different pictures: 4 x 4 means of each channel.
POOLED = FeatureNetwork("pooled", lambda x: torch.nn.functional.adaptive_avg_pool2d(x, 4).flatten(1))


@pytest.fixture(autouse=True)
def no_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without the extra `metrics`, so that tests are equal on every machine."""

    def missing() -> None:
        raise UserError("ST-LPIPS needs stlpips-pytorch.", "Install it: pip install 'pix2pix[metrics]'")

    monkeypatch.setattr("pix2pix.evaluation.per_picture.load_vgg16", missing)
    monkeypatch.setattr(features, "load_vgg16", missing)
    monkeypatch.setattr(features.inception, "find_inception", lambda: None)


def pictures(folder: Path, count: int = 6, seed: int = 0, noise: int = 0) -> Path:
    random, other = np.random.default_rng(seed), np.random.default_rng(99)
    for number in range(count):
        picture = random.integers(0, 256, (8, 8, 3)).repeat(4, 0).repeat(4, 1)
        picture = picture + other.integers(-noise, noise + 1, picture.shape)
        codec.write(picture.clip(0, 255).astype(np.uint8), folder / f"{number}.png")
    return folder


def scored(subject: Subject, out: Path, options: Options | None = None) -> Evaluation:
    return evaluate(subject, out, options or Options(POOLED), Progress())


def values(evaluation: Evaluation) -> dict[str, float]:
    return {score.name: score.value for score in evaluation.scores}


def test_equal_folders_are_as_near_as_can_be(tmp_path: Path) -> None:
    real, fake = pictures(tmp_path / "real"), pictures(tmp_path / "fake")
    found = values(scored(FolderSubject(real, fake), tmp_path / "out"))
    assert found["l1"] == 0
    assert found["ssim"] == pytest.approx(1)
    assert found["fid"] == pytest.approx(0, abs=1e-6)
    assert [found[f"histogram_{c}"] for c in "Lab"] == pytest.approx([1, 1, 1])


def test_fid_of_few_pictures_says_so_itself_and_not_where_it_is_not_shown(tmp_path: Path) -> None:
    evaluation = scored(
        FolderSubject(pictures(tmp_path / "real"), pictures(tmp_path / "fake")), tmp_path / "out"
    )
    notes = {score.name: score.note for score in evaluation.scores}
    assert "biased upwards under 2,048 pictures" in notes["fid"]
    assert not any("FID" in note for note in evaluation.notes)


def test_noise_makes_every_score_worse(tmp_path: Path) -> None:
    real, rows = pictures(tmp_path / "real"), []
    for noise in (5, 40, 120):
        fake = pictures(tmp_path / f"fake{noise}", noise=noise)
        rows.append(values(scored(FolderSubject(real, fake), tmp_path / f"out{noise}")))
    for name, sign in {"l1": 1, "ssim": -1, "psnr_db": -1, "fid": 1, "histogram_a": -1}.items():
        column = [sign * row[name] for row in rows]
        assert column == sorted(column), name


def rewritten(real: Path, fake: Path, change: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Path:
    """Write what `change` makes of the pictures of a folder to another one, by the same names."""
    files = sorted(real.iterdir())
    for file, picture in zip(files, change([codec.read(file) for file in files]), strict=True):
        codec.write(picture, fake / file.name)
    return fake


def blurred(pictures: list[np.ndarray], pixels: int) -> list[np.ndarray]:
    return [gaussian_filter(picture, (pixels, pixels, 0)) for picture in pictures]


def test_blur_makes_every_score_worse(tmp_path: Path) -> None:
    real, rows = pictures(tmp_path / "real"), []
    for pixels in (0, 1, 3):
        fake = rewritten(real, tmp_path / f"fake{pixels}", lambda x, by=pixels: blurred(x, by))
        rows.append(values(scored(FolderSubject(real, fake), tmp_path / f"out{pixels}")))
    for name, sign in {"l1": 1, "ssim": -1, "fid": 1, "histogram_L": -1, "histogram_b": -1}.items():
        column = [sign * row[name] for row in rows]
        assert column == sorted(column), name
        assert column[0] < column[2], name


def test_shuffled_pictures_are_wrong_one_by_one_and_right_as_a_set(tmp_path: Path) -> None:
    real = pictures(tmp_path / "real")
    fake = rewritten(real, tmp_path / "fake", lambda x: [*x[1:], x[0]])
    found = values(scored(FolderSubject(real, fake), tmp_path / "out"))
    assert found["l1"] > 0.3
    assert found["ssim"] < 0.5
    assert found["fid"] == pytest.approx(0, abs=1e-6)
    assert [found[f"histogram_{c}"] for c in "Lab"] == pytest.approx([1, 1, 1])


class Counting:
    """A subject that counts how often its pictures are read, and may stop."""

    def __init__(self, subject: Subject, stop_after: int = 10**9) -> None:
        self.subject, self.left, self.read = subject, stop_after, 0
        self.names, self.identity = subject.names, subject.identity
        self.files, self.request = subject.files, subject.request
        self.samples, self.is_one_hot, self.device = subject.samples, subject.is_one_hot, subject.device
        self.as_seen = subject.as_seen

    def examples(self, start: int, stop: int) -> list:
        if self.left <= 0:
            raise KeyboardInterrupt
        self.left -= stop - start
        self.read += stop - start
        return self.subject.examples(start, stop)


def test_an_evaluation_that_was_stopped_scores_nothing_twice(tmp_path: Path) -> None:
    real, fake = pictures(tmp_path / "real", 40), pictures(tmp_path / "fake", 40, noise=20)
    subject, out = FolderSubject(real, fake), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        scored(Counting(subject, stop_after=16), out)
    with (out / "columns" / "l1.column").open("ab") as cut_short:
        cut_short.write(b"12345")  # as a kill in the middle of a record leaves it
    again = Counting(subject)
    stopped = values(scored(again, out))
    assert again.read == 24
    assert stopped == pytest.approx(values(scored(subject, tmp_path / "whole")))


def test_another_subject_begins_anew(tmp_path: Path) -> None:
    columns = Columns(tmp_path, {"model": "a"})
    columns.append({"l1": np.zeros(3, np.float32)})
    assert len(Columns(tmp_path, {"model": "a"})) == 3
    assert len(Columns(tmp_path, {"model": "b"})) == 0


def test_a_broken_picture_is_named_and_left_out(tmp_path: Path) -> None:
    real, fake = pictures(tmp_path / "real"), pictures(tmp_path / "fake")
    (fake / "3.png").write_text("no picture")
    codec.write(np.zeros((8, 8, 3), np.uint8), fake / "4.png")
    evaluation = scored(FolderSubject(real, fake), tmp_path / "out")
    assert evaluation.names == ["0", "1", "2", "5"]
    assert ["3.png" in evaluation.failures[0], "wanted equal sizes" in evaluation.failures[1]] == [True, True]


def test_folders_of_other_names_are_refused_in_one_sentence(tmp_path: Path) -> None:
    real, fake = pictures(tmp_path / "real"), pictures(tmp_path / "fake", 5)
    with pytest.raises(UserError, match=r"do not hold the same names \(1 differ\).*5\.png"):
        FolderSubject(real, fake)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Side-by-side pairs of 32 px: 5 to learn from, 4 to score."""
    for split, count in (("train", 5), ("val", 4)):
        random = np.random.default_rng(count)
        for number in range(count):
            whole = random.integers(0, 256, (4, 8, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
            codec.write(whole, tmp_path / "pairs" / split / f"{number}.png")
    return tmp_path / "pairs"


def test_a_model_is_scored_on_its_validation_pairs_with_the_nearest_training_target(
    tmp_path: Path, pairs: Path
) -> None:
    model = write_model(tmp_path / "model.safetensors")
    subject = ModelSubject(model, [str(pairs)], "validation", "deterministic", 0, "cpu", "torch")
    evaluation = scored(subject, tmp_path / "out")
    assert len(evaluation.names) == 4
    assert {"l1", "ssim", "kid", "fid", "memory"} <= values(evaluation).keys()
    assert any("metrics" in note for note in evaluation.notes)
    write_scores(evaluation, tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    stated = {"score", "value", "model_digest", "data_digest", "mode", "seed", "versions"}
    assert all(stated <= line.keys() for line in lines)
    with (tmp_path / "out" / "pictures.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["name"] for row in rows] == evaluation.names
    page = write_report(evaluation, tmp_path / "out").read_text()
    assert "nearest in training" in page
    assert (tmp_path / "out" / "plotly.min.js").is_file()


def test_the_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "index.html").write_text("the page of a run")
    subject = FolderSubject(pictures(tmp_path / "real"), pictures(tmp_path / "fake", noise=9))
    with pytest.raises(UserError, match=r"run is not empty and no evaluation\. Choose another folder"):
        scored(subject, tmp_path / "run")
    for _ in range(2):
        scored(subject, tmp_path / "out")


@pytest.mark.parametrize(("split", "memory"), [("all", True), ("train", True), ("validation", False)])
def test_pictures_are_not_compared_with_themselves(
    tmp_path: Path, pairs: Path, split: str, memory: bool
) -> None:
    model = write_model(tmp_path / "model.safetensors")
    subject = ModelSubject(model, [str(pairs)], split, "deterministic", 0, "cpu", "torch", memory=memory)
    assert "memory" not in values(scored(subject, tmp_path / "out"))


def test_a_model_that_copies_a_training_picture_is_found(tmp_path: Path, pairs: Path) -> None:
    subject = ModelSubject(
        write_model(tmp_path / "model.safetensors"), [str(pairs)], "validation", None, 0, "cpu", "torch"
    )
    copied = subject.tensors_of(subject.training[2])[1]

    def copy(sources: list[Tensor], **_: object) -> list[Tensor]:
        return [copied] * len(sources)

    subject.translator.translate_tensors = copy  # type: ignore[method-assign]
    evaluation = scored(subject, tmp_path / "out")
    assert evaluation.nearest is not None
    assert set(evaluation.nearest.tolist()) == {2}
    assert evaluation.by_picture["memory_distance"].max() < 1e-5


@pytest.mark.parametrize("mode", ["paper", "deterministic"])
def test_samples_differ_where_there_is_noise(tmp_path: Path, pairs: Path, mode: Mode) -> None:
    # The dropout of a network of 32 px lies in its deepest layer alone.
    model = write_model(tmp_path / "model.safetensors")
    subject = ModelSubject(model, [str(pairs)], "validation", mode, 0, "cpu", "torch", samples=8)
    evaluation = scored(subject, tmp_path / "out")
    variety = values(evaluation)["variety_l1"]
    if mode == "deterministic":
        assert variety == pytest.approx(0, abs=1e-6)
    else:
        assert variety > 1e-4
        first = subject.examples(0, 1)[0]
        assert isinstance(first, Example)
        assert first.variants is not None
        torch.testing.assert_close(first.variants[0], first.output)
    assert "spread of samples" in write_report(evaluation, tmp_path / "out").read_text()


def test_a_stopped_evaluation_of_many_samples_keeps_what_was_measured(tmp_path: Path, pairs: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    subject = ModelSubject(model, [str(pairs)], "validation", "paper", 0, "cpu", "torch", samples=8)

    class Stopped(Progress):
        def update(self, task: str, done: int, total: int, unit: str, note: str = "") -> None:
            if done:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(subject, tmp_path / "out", Options(POOLED), Stopped())
    assert len(Columns.read(tmp_path / "out" / "columns")) == 2


def test_without_training_pairs_memory_is_left_out_and_a_note_says_so(tmp_path: Path, pairs: Path) -> None:
    shutil.rmtree(pairs / "train")
    model = write_model(tmp_path / "model.safetensors")
    subject = ModelSubject(model, [str(pairs)], "validation", "deterministic", 0, "cpu", "torch")
    evaluation = scored(subject, tmp_path / "out")
    assert len(evaluation.names) == 4
    assert "memory" not in values(evaluation)
    assert "Not measured: memory, as DATA has no training pairs." in evaluation.notes
    with pytest.raises(UserError, match=r"no pairs of the split 'train' \(found val: 4\)"):
        ModelSubject(model, [str(pairs)], "train", None, 0, "cpu", "torch")


def test_training_targets_are_passed_through_the_network_once(tmp_path: Path, pairs: Path) -> None:
    model, passed = write_model(tmp_path / "model.safetensors"), []

    def extract(pictures: Tensor) -> Tensor:
        passed.append(len(pictures))
        return POOLED.extract(pictures)

    subject = ModelSubject(model, [str(pairs)], "validation", "deterministic", 0, "cpu", "torch")
    (pairs / "train" / "1.png").write_text("no picture")
    options = Options(FeatureNetwork("pooled", extract))
    first = scored(subject, tmp_path / "out", options)
    assert first.nearest is not None
    assert 1 not in first.nearest
    assert passed == [4, 4, 4]  # outputs, targets, and the four training targets that can be read
    again = scored(subject, tmp_path / "out", options)
    assert passed == [4, 4, 4]
    assert values(again) == pytest.approx(values(first))


def test_scores_by_a_network_that_the_model_learned_from_are_marked(tmp_path: Path, pairs: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    subject = ModelSubject(model, [str(pairs)], "validation", "deterministic", 0, "cpu", "torch")
    assert "learned_from" not in subject.identity
    subject.identity["learned_from"] = ["pooled"]
    evaluation = scored(subject, tmp_path / "out")
    marked = {score.name for score in evaluation.scores if "the model learned from this" in score.note}
    assert marked == {"kid", "fid", "memory"}
    assert any("repeat its loss" in note for note in evaluation.notes)


def test_pictures_that_cannot_be_read_are_no_pairs_of_another_split(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    for number in range(3):
        write_text(tmp_path / "texts" / f"{number}.png")
    with pytest.raises(UserError, match=r"None of the first 3 files of .*texts can be read: .*not a picture"):
        ModelSubject(model, [str(tmp_path / "texts")], "validation", None, 0, "cpu", "torch")


def test_a_split_that_is_not_there_is_refused(tmp_path: Path, pairs: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"no pairs of the split 'test' \(found train: 5, val: 4\)"):
        ModelSubject(model, [str(pairs)], "test", None, 0, "cpu", "torch")


CLASSES = (LabelClass(name="wall", colour=(0, 0, 255)), LabelClass(name="void", colour=(255, 0, 0)))


def image(one_hot: bool) -> ImageContract:
    labels = PictureContract(classes=CLASSES, one_hot=one_hot)
    return ImageContract(source=PictureContract(), target=labels, layout="side by side", half="left")


@pytest.mark.parametrize("one_hot", [True, False])
def test_label_maps_are_scored_by_argmax_or_nearest_colour(one_hot: bool) -> None:
    by_class = find_labels(image(one_hot), None, None, ["void"], "cpu")
    assert by_class is not None
    if one_hot:
        output = torch.tensor([[[0.9, -0.2]], [[-0.9, 0.4]]])
    else:
        output = torch.tensor([[[-0.8, 0.7]], [[-0.9, -0.9]], [[0.9, -0.6]]])
    assert by_class.predict(output[None]).tolist() == [[[0, 1]]]
    assert by_class.ignore == (1,)


def test_ignored_pixels_count_in_no_score_by_classes() -> None:
    labels = PictureContract(classes=CLASSES, one_hot=True, ignored=Ignored(index=255, colour=(0, 0, 0)))
    contract = image(True).model_copy(update={"target": labels})
    by_class = find_labels(contract, None, None, [], "cpu")
    assert by_class is not None
    target = torch.tensor([[[1.0, -1, -1]], [[-1, 1, -1]]])  # wall, void, ignored
    output = torch.tensor([[[0.9, 0.5, 0.9]], [[-0.9, -0.5, -0.9]]])
    example = by_class.with_classes(Example("a", None, output, target))
    assert isinstance(example, Example)
    records = by_class.records([example])
    assert records["fake_confusion"].tolist() == [[[1, 0], [1, 0]]]
    assert records["pixel_accuracy"].tolist() == [0.5]


def test_classes_that_are_not_there_are_refused() -> None:
    with pytest.raises(UserError, match="--ignore road is no class: wanted one of wall, void"):
        find_labels(image(True), None, None, ["road"], "cpu")
    plain = image(True).model_copy(update={"target": PictureContract()})
    with pytest.raises(UserError, match="--labels facades"):
        find_labels(plain, Path("scorer"), None, [], "cpu")
    assert find_labels(plain, None, None, [], "cpu") is None


class Classes(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x], 1)


def test_a_scorer_of_other_classes_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    path = tmp_path / "scorer.onnx"
    torch.onnx.export(Classes().eval(), (torch.zeros(1, 3, 32, 32),), path, dynamo=True, verbose=False)
    label_maps = image(True).model_copy(update={"source": image(True).target})
    with pytest.raises(UserError, match=r"shape \(1, 6, 32, 32\), but the palette has 2 classes.*--labels"):
        find_labels(label_maps, path, None, [], "cpu", (32, 32))
    with pytest.raises(UserError, match="cannot take RGB pictures of 64 x 64 px"):
        find_labels(label_maps, path, None, [], "cpu", (64, 64))
    path.write_bytes(b"no network")
    with pytest.raises(UserError, match=r"--scorer .* is no ONNX network[^:]*\. Export") as caught:
        find_labels(label_maps, path, None, [], "cpu", (64, 64))
    assert ".." not in str(caught.value)
    with pytest.raises(UserError, match=r"none\.onnx does not exist"):
        find_labels(label_maps, tmp_path / "none.onnx", None, [], "cpu", (64, 64))


def test_label_maps_of_another_palette_are_refused() -> None:
    by_class = LabelScores(
        Palette(("wall", "door"), ((0, 0, 255), (255, 0, 0))),
        "source",
        PictureContract(),
        lambda pictures: torch.zeros(len(pictures), 10, 10, dtype=torch.int64),
        (),
        {},
    )
    picture = torch.tensor([-1.0, -1, 1])[:, None, None].repeat(1, 10, 10)
    picture[:, 0] = torch.tensor([0.1, 0.1, 1])[:, None].repeat(1, 10)  # of a blurred border
    assert isinstance(by_class.with_classes(Example("blurred", picture, picture, picture)), Example)
    picture[:, 2:5] = torch.tensor([-1.0, 1, -1])[:, None, None]
    refused = str(by_class.with_classes(Example("other", picture, picture, picture)))
    assert "The label map of other has an area of 30% in a colour near #08f808, which no class" in refused


def label_pairs(folder: Path, count: int = 4) -> Path:
    """Side-by-side pairs: label maps of CLASSES left, noise right."""
    random = np.random.default_rng(0)
    colours = np.array([c.colour for c in CLASSES], np.uint8)
    for split, number in [("train", 0), *(("val", number) for number in range(count))]:
        labels = colours[random.integers(0, 2, (8, 8))].repeat(4, 0).repeat(4, 1)
        photograph = random.integers(0, 256, (32, 32, 3), np.uint8)
        codec.write(np.concatenate([labels, photograph], 1), folder / split / f"{number:02d}.png")
    return folder


def scorer(path: Path) -> Path:
    """A model from photographs to CLASSES that has learned nothing."""
    labels = PictureContract(classes=CLASSES, one_hot=True)
    return write_model(path, "objective.gan=0", "data.target_one_hot=true", target=labels)


def scored_by_classes(tmp_path: Path, data: Path, palette: str | None = None) -> Evaluation:
    """Score a model of label maps with a scorer; with a palette the model took them as plain colours."""
    labels = PictureContract() if palette else PictureContract(classes=CLASSES)
    model = write_model(tmp_path / "model.safetensors", source=labels, layout="side by side")
    subject = ModelSubject(model, [str(data)], "validation", "deterministic", 0, "cpu", "torch")
    image = subject.translator.header.image
    by_class = find_labels(image, scorer(tmp_path / "scorer.safetensors"), palette, [], "cpu")
    return scored(subject, tmp_path / "out", Options(POOLED, by_class))


@pytest.mark.parametrize("broken", [range(1, 2), range(17)])
def test_a_broken_pair_does_not_stop_scores_by_classes(tmp_path: Path, broken: range) -> None:
    data = label_pairs(tmp_path / "data", 20)
    for number in broken:
        (data / "val" / f"{number:02d}.png").write_text("no picture")
    evaluation = scored_by_classes(tmp_path, data)
    assert evaluation.names == [f"{n:02d}" for n in range(20) if n not in broken]
    assert len(evaluation.failures) == len(broken)
    assert f"{broken[0]:02d}.png" in evaluation.failures[0]
    assert 0 <= values(evaluation)["pixel_accuracy"] <= 1


@pytest.mark.parametrize("count", [1, 4])
def test_label_maps_of_other_classes_are_left_out_by_name_and_refused_if_all_are(
    tmp_path: Path, count: int
) -> None:
    data = label_pairs(tmp_path / "data")
    for number in range(count):
        file = data / "val" / f"{number:02d}.png"
        whole = codec.read(file).copy()
        whole[:16, :32] = (0, 255, 0)
        codec.write(whole, file)
    tables = [f'[[class]]\nname = "{c.name}"\ncolour = "#{bytes(c.colour).hex()}"\n' for c in CLASSES]
    palette = str(write_text(tmp_path / "palette.toml", "".join(tables)))
    refused = "The label map of 00 has an area of 50% in a colour near #08f808"
    if count == 1:
        evaluation = scored_by_classes(tmp_path, data, palette)
        assert evaluation.names == ["01", "02", "03"]
        assert refused in evaluation.failures[0]
    else:
        with pytest.raises(UserError, match=refused):
            scored_by_classes(tmp_path, data, palette)


def test_classes_are_scored_by_their_classes_and_not_as_pictures(tmp_path: Path) -> None:
    data = label_pairs(tmp_path / "data")
    labels = PictureContract(classes=CLASSES, one_hot=True)
    settings = ("objective.gan=0", "data.target_one_hot=true", "data.source=right")
    model = write_model(tmp_path / "model.safetensors", *settings, target=labels, layout="side by side")
    subject = ModelSubject(model, [str(data)], "validation", "paper", 0, "cpu", "torch", samples=2)
    by_class = find_labels(subject.translator.header.image, None, None, [], "cpu")
    evaluation = scored(subject, tmp_path / "out", Options(POOLED, by_class, lambda *_: torch.zeros(4)))
    assert values(evaluation).keys() == {"variety_l1", "pixel_accuracy", "class_accuracy", "class_iou"}
    assert any("classes alone" in note for note in evaluation.notes)
    write_scores(evaluation, tmp_path / "out")
    assert "per-class accuracy" in write_report(evaluation, tmp_path / "out").read_text()


def lab_subject(tmp_path: Path) -> ModelSubject:
    lightness, colours = (
        PictureContract(channels=channels, depth="float32", low=low, high=high)
        for channels, (low, high) in enumerate(LAB_RANGES, 1)
    )
    model = write_model(
        tmp_path / "model.safetensors",
        "data.make=lab",
        source=lightness,
        target=colours,
        photograph=PictureContract(),
    )
    pictures(tmp_path / "photographs" / "train", 3)
    pictures(tmp_path / "photographs" / "val", 3, seed=1)
    data = [str(tmp_path / "photographs")]
    return ModelSubject(model, data, "validation", "deterministic", 0, "cpu", "torch", samples=2)


def test_a_model_in_lab_is_scored_on_the_colours_that_a_person_sees(tmp_path: Path) -> None:
    subject, seen = lab_subject(tmp_path), list[Tensor]()
    network = FeatureNetwork("pooled", lambda x: seen.append(x) or POOLED.extract(x))
    evaluation = scored(subject, tmp_path / "out", Options(network))
    files = sorted((tmp_path / "photographs" / "val").iterdir())
    photographs = torch.stack([to_tensor(codec.read(file), PictureContract()) for file in files])
    torch.testing.assert_close(seen[1], photographs, rtol=0, atol=4 / 255)
    assert [tuple(x.shape) for x in seen] == [(3, 3, 32, 32)] * 3  # outputs, targets, training targets
    assert {"histogram_L", "histogram_a", "memory", "variety_l1"} <= values(evaluation).keys()


def test_without_a_readable_training_target_memory_is_not_measured(tmp_path: Path, pairs: Path) -> None:
    model = write_model(tmp_path / "model.safetensors")
    subject = ModelSubject(model, [str(pairs)], "validation", "deterministic", 0, "cpu", "torch")
    for file in (pairs / "train").iterdir():
        file.write_text("no picture")
    evaluation = scored(subject, tmp_path / "out")
    assert "memory" not in values(evaluation)
    assert any("no training target can be read" in note for note in evaluation.notes)


def test_another_network_of_the_same_name_measures_anew(tmp_path: Path, pairs: Path) -> None:
    model, passed = write_model(tmp_path / "model.safetensors"), list[int]()

    def extract(x: Tensor) -> Tensor:
        passed.append(len(x))
        return POOLED.extract(x)

    subject = ModelSubject(model, [str(pairs)], "validation", "deterministic", 0, "cpu", "torch")
    for digest in ("one", "one", "other"):
        scored(subject, tmp_path / "out", Options(FeatureNetwork("same", extract, digest)))
    assert passed == [4, 4, 5] * 2


@pytest.mark.parametrize("first", ["broken", "grey"])
def test_the_first_picture_decides_nothing_about_the_others(tmp_path: Path, first: str) -> None:
    real, fake = pictures(tmp_path / "real"), pictures(tmp_path / "fake")
    if first == "broken":
        (real / "0.png").write_text("no picture")
    else:
        codec.write(codec.read(real / "0.png")[:, :, :1], real / "0.png")
    without_red = codec.read(fake / "2.png").copy()
    without_red[:, :, 0] = 0
    codec.write(without_red, fake / "2.png")
    evaluation = scored(FolderSubject(real, fake), tmp_path / "out")
    by_name = dict(zip(evaluation.names, evaluation.by_picture["l1"].tolist(), strict=True))
    assert ("0" in by_name) == (first == "grey")
    red = float((codec.read(real / "2.png")[:, :, 0] / 127.5).mean())
    assert by_name["2"] == pytest.approx(red / 3, rel=1e-5)


def test_kid_of_three_pictures_has_no_standard_error(tmp_path: Path) -> None:
    real, fake = pictures(tmp_path / "real", 3), pictures(tmp_path / "fake", 3, noise=9)
    evaluation = scored(FolderSubject(real, fake), tmp_path / "out")
    (kid,) = (score for score in evaluation.scores if score.name == "kid")
    assert kid.standard_error is None
    assert "nan" not in str(kid)


def test_a_picture_without_a_labelled_pixel_is_not_among_the_worst(tmp_path: Path) -> None:
    data = label_pairs(tmp_path / "data", 12)
    evaluation = scored_by_classes(tmp_path, data)
    accuracy = evaluation.by_picture["pixel_accuracy"].copy()
    accuracy[5] = np.nan
    evaluation.by_picture.clear()
    evaluation.by_picture["pixel_accuracy"] = accuracy
    page = write_report(evaluation, tmp_path / "out").read_text()
    assert "<p>04</p>" in page
    assert "<p>05</p>" not in page


def test_where_no_picture_can_be_read_it_is_refused(tmp_path: Path) -> None:
    real, fake = pictures(tmp_path / "real", 3), pictures(tmp_path / "fake", 3)
    subject = FolderSubject(real, fake)
    for path in fake.iterdir():
        path.write_text("no picture")
    with pytest.raises(UserError, match="None of the 3 pictures could be scored"):
        scored(subject, tmp_path / "out")
