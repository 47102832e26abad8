"""Collapse, noticed in the lines of metrics: D that has won for long, outputs that are alike for all sources.

What is noticed follows from the lines alone: a run that was stopped says the same as one that was not.
"""

from collections.abc import Mapping, Sequence

SPREAD = "output_spread"  # of a line of validation: how far outputs of different pairs differ, targets' = 1
COLLAPSED = "collapsed"  # of a line of validation where it is noticed: 1
_VALIDATIONS = 3  # in a row: fewer may be chance, or the grey that training begins with
_REPEATED = 10  # validations between two sentences about a collapse that lasts
_WON = 0.01  # D's loss, where guessing is 0.69 (bce), 0.25 (lsgan) or 1 (hinge)
_ALIKE = 0.03  # of the spread of the targets

Line = Mapping[str, float]


def signs_in(lines: Sequence[Line]) -> list[str]:
    """Return the signs of a collapse that have lasted to the end of the lines, in words; usually none."""
    validations = [number for number, line in enumerate(lines) if SPREAD in line][-_VALIDATIONS:]
    if len(validations) < _VALIDATIONS:
        return []
    since = lines[validations[0] :]
    images = f"{lines[-1]['images'] - since[0]['images']:,.0f} images"
    losses = [line["loss_d"] for line in since if "loss_d" in line]
    signs = []
    if all(lines[number][SPREAD] < _ALIKE for number in validations):
        signs.append(f"outputs are alike whatever the source is, for {images}")
    if len(losses) >= _VALIDATIONS and all(loss < _WON for loss in losses):
        signs.append(f"D's loss has been below {_WON:g} for {images}, so that G learns little from it")
    return signs


def notice(lines: Sequence[Line]) -> str:
    """Return what to say after a line of validation: nothing, or what has collapsed and what usually helps.

    A collapse that lasts is named again only after many validations.
    """
    signs = signs_in(lines)
    before = 0
    for line in reversed([line for line in lines[:-1] if SPREAD in line]):
        if not line.get(COLLAPSED):
            break
        before += 1
    if not signs or before % _REPEATED:
        return ""
    return (
        f"the run seems to have collapsed: {'; '.join(signs)}. What usually helps: a lower "
        "training.learning_rate, a larger objective.l1, a smaller model.discriminator_px, more pairs; start "
        "anew in another --run, with --init of a model from before it"
    )
