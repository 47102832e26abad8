"""The interval covers the true rate, where participants differ."""

from __future__ import annotations

import numpy as np
import pytest

from pix2pix.evaluation.study.stats import percentage

FAKES = 20  # a participant sees
PEOPLE = 50  # as in the paper
STUDIES = 300  # of 100 some seeds have 87 covered, of 300 chance is small


@pytest.mark.parametrize("rate", [0.06, 0.19, 0.4])
@pytest.mark.parametrize("spread", [5, 30])
def test_it_covers_the_true_rate_in_nine_of_ten_studies(rate: float, spread: float) -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(STUDIES):
        # Participants differ: their rates follow a beta distribution with this mean.
        people = rng.beta(rate * spread, (1 - rate) * spread, PEOPLE)
        result = percentage(rng.binomial(FAKES, people) / FAKES, resamples=1000)
        covered += result.low <= 100 * rate <= result.high
    assert 0.9 <= covered / STUDIES <= 0.99


def test_participants_are_drawn_not_answers() -> None:
    # Half of the people are always fooled and half never: 20 answers of one say no more than one.
    result = percentage([1, 0] * (PEOPLE // 2))
    assert result.value == 50
    assert result.high - result.low == pytest.approx(2 * 1.96 * 50 / PEOPLE**0.5, rel=0.1)


def test_where_nothing_can_be_said_there_is_no_interval() -> None:
    assert percentage([]) is None
    assert percentage([0.15]) == (15, None, None)
    assert percentage([0.0] * PEOPLE) == (0, None, None)


def test_the_same_answers_give_the_same_interval() -> None:
    shares = np.random.default_rng(0).random(PEOPLE)
    assert percentage(shares) == percentage(shares)
