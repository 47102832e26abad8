"""What participants see: how many, of which sources, in which order."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from pix2pix.errors import UserError
from pix2pix.evaluation.study.protocol import Algorithm, Study, draw_trials, read_study

NAMES = tuple(f"{number:02d}" for number in range(50))


def study(question: str = "picture", paired: bool = False, fakes: tuple[str, ...] = NAMES) -> Study:
    """The whole protocol with the fewest pictures."""
    return Study(
        id="0", question=question, paired=paired, real=NAMES, algorithms=(Algorithm(name="a", sources=fakes),)
    )


@pytest.mark.parametrize("paired", [False, True])
def test_half_of_the_single_pictures_are_fakes_in_practice_and_after_it(paired: bool) -> None:
    trials = draw_trials(study(paired=paired), 0, Random(0))
    assert [len(trials), sum(t.truth for t in trials[:10]), sum(t.truth for t in trials)] == [50, 5, 25]
    assert all(t.pictures[0].startswith("fake-0/" if t.truth else "real/") for t in trials)
    assert len({t.pictures for t in trials}) == 50


@pytest.mark.parametrize("seed", range(20))
def test_single_pictures_have_different_sources_unless_paired(seed: int) -> None:
    shown = [t.pictures[0].split("/") for t in draw_trials(study(), 0, Random(seed))]
    assert len({number for _, number in shown}) == 50
    paired = draw_trials(study(paired=True), 0, Random(seed))
    assert len({t.pictures[0].split("/")[1] for t in paired}) == 25
    # Practice has both pictures of its sources, so that none comes again in a trial that counts.
    assert len({t.pictures[0].split("/")[1] for t in paired[:10]}) == 5


@pytest.mark.parametrize("seed", range(20))
def test_a_pair_shows_one_real_and_one_fake_picture(seed: int) -> None:
    for paired in (False, True):
        trials = draw_trials(study("pair", paired), 0, Random(seed))
        assert len(trials) == 50
        for trial in trials:
            assert trial.pictures[trial.truth].startswith("fake-0/")
            assert trial.pictures[1 - trial.truth].startswith("real/")
            sources = {picture.split("/")[1] for picture in trial.pictures}
            assert len(sources) == (1 if paired else 2)
        assert len({t.pictures[t.truth] for t in trials}) == 50
        assert 10 < sum(t.truth for t in trials) < 40


def test_sources_are_compared_by_name_not_by_number() -> None:
    trials = draw_trials(study(paired=True, fakes=NAMES[::-1]), 0, Random(3))
    reals = {t.pictures[0].split("/")[1] for t in trials if not t.truth}
    fakes = {str(49 - int(t.pictures[0].split("/")[1])) for t in trials if t.truth}
    assert reals == fakes


def test_orders_differ_between_participants_and_follow_from_the_seed() -> None:
    first, again, second = (draw_trials(study(), 0, Random(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != second


def test_odd_counts_are_drawn_too() -> None:
    odd = study(paired=True).model_copy(update={"practice": 3, "trials": 5})
    assert [t.truth for t in draw_trials(odd, 0, Random(0))].count(1) == 3


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no study.*study make"):
        read_study(tmp_path)
    (tmp_path / "study.json").write_text('{"format": 2}')
    with pytest.raises(UserError, match="no study of this version: format"):
        read_study(tmp_path)
