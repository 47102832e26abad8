"""How long `pix2pix --help` takes, as a whole process, beside an empty Python.

command: python benchmarks/startup.py
The aim is under 0.5 s; the ratio says how much of it is Python's own start.
"""

import statistics
import subprocess
import sys
import time

RUNS = 11


def seconds(command):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    empty = seconds([sys.executable, "-c", "pass"])
    helped = seconds([sys.executable, "-m", "pix2pix", "--help"])
    print(f"{'empty python':<16} {empty * 1000:7.0f} ms")
    ratio = f"{helped / empty:.1f} times the empty one"
    print(f"{'pix2pix --help':<16} {helped * 1000:7.0f} ms   {ratio}")


if __name__ == "__main__":
    main()
