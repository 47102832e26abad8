"""The protocol of a study, as study.json holds it, and the trials of one participant.

Section 4.1 of Isola et al. 2017 pits a real picture against a fake one in each trial: `question` "pair".
The default "picture" shows a single one. A source is a name without its ending: pictures of equal names, real
or fake, come from the same source.
"""

from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pix2pix.errors import UserError

FILE = "study.json"
Question = Literal["picture", "pair"]
CONSENT = (
    "You will see pictures, each for a short time, and say which are real and which were made by a program. "
    "It takes about five minutes. Your answers are stored together with how long each picture was on the "
    "screen and the minute of your last visit. Nothing else about you or your device is stored. Taking part "
    "is voluntary, and you may stop at any time by closing this page."
)


class Algorithm(BaseModel):
    """One way that fakes were made; picture i, of the source `sources[i]`, is pictures/fake-K/i.png."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sources: tuple[str, ...]


class Study(BaseModel):
    """What is shown, how long and how often. Texts and times may be edited before the first participant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    id: str = Field(description="Tells studies at one address apart in a browser.")
    question: Question = "picture"
    paired: bool = False
    show_ms: int = Field(1000, ge=1)
    pause_ms: int = Field(700, ge=0)
    practice: int = Field(10, ge=0, description="Trials with feedback, which do not count.")
    trials: int = Field(40, ge=2)
    size_px: int = Field(256, ge=1)
    seed: int = 0
    consent: str = CONSENT
    real: tuple[str, ...] = Field(description="Sources of pictures/real/i.png.")
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)

    @property
    def total(self) -> int:
        """Return the trials of a participant, practice included."""
        return self.practice + self.trials


class Trial(NamedTuple):
    """What one trial shows, and what is right.

    `pictures` are paths below pictures/, without ending. `truth` of a single picture is 1 for a fake; of a
    pair it is the place of the fake, 0 or 1.
    """

    pictures: tuple[str, ...]
    truth: int


def read_study(folder: Path) -> Study:
    """Return the study in a folder; raise UserError where there is none."""
    path = folder / FILE
    try:
        return Study.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"{folder} holds no study: {path} cannot be read ({error.strerror}).",
            "Make one with `pix2pix study make`.",
        ) from None
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise UserError(f"{path} is no study of this version: {place}: {fault['msg']}.") from None


def draw_trials(study: Study, algorithm: int, random: Random) -> list[Trial]:
    """Return the trials of one participant, practice first, each part in random order.

    Half of single pictures are fakes. A paired study shows both pictures of a source; else the real and the
    fake picture of a trial, and as single pictures those of all trials, have different sources.
    """
    draw = _draw_pairs if study.question == "pair" else _draw_pictures
    trials: list[Trial] = []
    for part in draw(study, algorithm, random):
        random.shuffle(part)
        trials += part
    return trials


def _draw_pictures(study: Study, algorithm: int, random: Random) -> list[list[Trial]]:
    fake_counts = [study.practice // 2, study.trials // 2]
    real_counts = [study.practice - fake_counts[0], study.trials - fake_counts[1]]
    fakes = random.sample(study.algorithms[algorithm].sources, sum(fake_counts))
    if study.paired:
        spare = [source for source in study.real if source not in fakes]
        reals = fakes + random.sample(spare, sum(real_counts) - len(fakes))
    else:
        reals = random.sample([source for source in study.real if source not in fakes], sum(real_counts))
    shown_fakes = [Trial((_fake(study, algorithm, source),), 1) for source in fakes]
    shown_reals = [Trial((_real(study, source),), 0) for source in reals]
    fakes_end, reals_end = fake_counts[0], real_counts[0]  # of practice
    practice = shown_fakes[:fakes_end] + shown_reals[:reals_end]
    return [practice, shown_fakes[fakes_end:] + shown_reals[reals_end:]]


def _draw_pairs(study: Study, algorithm: int, random: Random) -> list[list[Trial]]:
    fakes = random.sample(study.algorithms[algorithm].sources, study.total)
    reals = fakes if study.paired else random.sample(study.real, study.total)
    while not study.paired and any(map(str.__eq__, reals, fakes)):  # a third of all orders have none equal
        random.shuffle(reals)
    trials = []
    for real, fake in zip(reals, fakes, strict=True):
        truth = random.randrange(2)
        pictures = (_real(study, real), _fake(study, algorithm, fake))
        trials.append(Trial(pictures if truth else pictures[::-1], truth))
    return [trials[: study.practice], trials[study.practice :]]


def _real(study: Study, source: str) -> str:
    return f"real/{study.real.index(source)}"


def _fake(study: Study, algorithm: int, source: str) -> str:
    return f"fake-{algorithm}/{study.algorithms[algorithm].sources.index(source)}"
