"""What several processes must have in common, compared before anything is learned or written."""

from collections.abc import Sequence
from dataclasses import replace

from pix2pix.errors import UserError
from pix2pix.model_file import versions
from pix2pix.training.plan import Plan
from pix2pix.training.state import saved_images


def agree_on_plan(plan: Plan) -> Plan:
    """Return the plan with the first process's contracts: only that one needs to see the run's folder.

    Raises UserError that names the first process with another request, version or precision, and one
    that sees a newer state of the run.
    """
    plans = plan.processes.gather(
        (
            plan.config,
            {**versions(), "device": plan.device.type, "precision": plan.precision},
            saved_images(plan.folder.state),
            plan.reading,
        )
    )
    configs, facts, seen, readings = zip(*plans, strict=True)
    for rank, (config, own) in enumerate(zip(configs, facts, strict=True)):
        differences = configs[0].differences(config)
        differences += [(key, facts[0][key], there) for key, there in own.items() if there != facts[0][key]]
        if differences:
            named = ", ".join(f"{key} is {there!r} there, not {here!r}" for key, here, there in differences)
            raise UserError(
                f"Process {rank} would train another model than process 0: {named}.",
                "Start the same command, of the same version, on every machine.",
            )
    _refuse_newer(plan, seen)
    return replace(plan, reading=readings[0])


def _refuse_newer(plan: Plan, seen: Sequence[int | None]) -> None:
    """Refuse a folder that is not shared where the first process would begin before another's state."""
    rank = max(range(len(seen)), key=lambda rank: seen[rank] or 0)  # of several the first
    if rank:
        raise UserError(
            f"Process {rank} finds a state of image {seen[rank]:,} in {plan.folder.path}, process 0 "
            f"{f'one of image {seen[0]:,}' if seen[0] else 'none'}: the machines do not share that folder.",
            "Put --run on a disk that all see; else the machine with the state must have --node-rank=0.",
        )


def agree_on_data(plan: Plan, digest: str) -> None:
    """Raise UserError that names the first process whose pairs are others than those of the first one."""
    digests = plan.processes.gather(digest)
    for rank, other in enumerate(digests):
        if other != digests[0]:
            raise UserError(
                f"Process {rank} reads other pairs than process 0 from {', '.join(map(str, plan.data))}: "
                f"their digests are {other[:8]} and {digests[0][:8]}.",
                "Give all machines the same data, by a disk that they share or as copies of the same files.",
            )
