"""`make faults`: kills at random moments, broken disks, clocks and neighbours; a table of what came out."""

from __future__ import annotations

import argparse
import sys
import time
from random import Random

from tests.faults.conditions import CONDITIONS
from tests.faults.kills import kill
from tests.faults.stages import STAGES

# Of 100 kills; a stage that saves all the time is killed while it saves.
SHARES = {"training": 30, "saving": 25, "caching": 15, "bulk": 15, "study": 15}


def main() -> int:
    """Run all faults, or those that are named; exit code 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*STAGES, *CONDITIONS])}")
    parser.add_argument("--kills", type=int, default=200, help="over all stages together")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    wrong = 0
    for name in [name for name in STAGES if not arguments.names or name in arguments.names]:
        start, kills = time.monotonic(), max(1, arguments.kills * SHARES[name] // 100)
        killed = kill(name, kills, Random(f"{arguments.seed} {name}"))
        wrong += report(
            f"kill -9, {name}", f"{killed.kills} kills in {killed.runs} runs", killed.faults, start
        )
    for name in [name for name in CONDITIONS if not arguments.names or name in arguments.names]:
        start = time.monotonic()
        wrong += report(name, *CONDITIONS[name](), start)
    return 1 if wrong else 0


def report(name: str, what: str, faults: list[str], start: float) -> int:
    """Print a line of the table; return how many faults there are."""
    line = f"{name:<28} {what:<52} {'LOST' if faults else 'as it was'}  {time.monotonic() - start:.0f} s"
    print("\n  ".join([line, *faults]), flush=True)
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
