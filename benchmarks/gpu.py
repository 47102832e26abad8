"""Everything that is to be known of a GPU, by one command in under nine minutes.

command: PYTHONPATH=src python3 benchmarks/gpu.py PAIRS --out OUT

PAIRS is a folder of side-by-side pictures, sources on the right (facades). Correctness comes first,
then steps, a whole training of 200 epochs, translations, the textbook loop. Each stage is a process
of its own with a limit; OUT/results.json is written anew after each, so that a run that is cut off
leaves what it found. OUT gets at most 8 files of at most 16 MiB: results.json, translated.zip, the
weights in parts (benchmarks/parts.py joins them).

It needs only this repository and torch >= 2.11. Where nothing can be installed, wheels of pydantic,
pydantic-core, annotated-types, typing-inspection and tomli-w unpacked into a folder of PYTHONPATH
do. Without a GPU the same stages run on tiny sizes. --stages and --minutes split the work.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

# Name, the stage of gpu_stages.py with its arguments, seconds it may take at most.
STAGES = {
    "machine": ("peaks", (), 45),
    "compare": ("compare", (), 150),
    "step_1": ("step", (0,), 120),
    "training": ("training", (), 330),
    "translating": ("translating", (), 60),
    "scores": ("scores", (), 60),
    "step_64": ("step", (2,), 130),
    "textbook": ("textbook", (), 90),
    "step_16": ("step", (1,), 120),
    "losses": ("losses", (), 120),
    "variants": ("variants", (), 150),
    "step_1_warm": ("step", (0,), 60),  # its compiled kernels are found on disk
}


def run_stage(name, its):
    import gpu_stages

    function, places, _ = STAGES[name]
    batches = list(its.times)
    return getattr(gpu_stages, function)(its, *(batches[place] for place in places))


def in_a_process(name, asked, work, images, seconds):
    """What a stage found, or why it found nothing."""
    answer = work / f"{name}.json"
    command = [sys.executable, __file__, str(asked.pairs), "--out", str(asked.out),
               "--work", str(work), "--stage", name, "--images", str(images)]  # fmt: skip
    command += ["--features", str(asked.features)] if asked.features else []
    try:
        done = subprocess.run(command, timeout=seconds, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {seconds:.0f} s"}
    if answer.is_file():
        return json.loads(answer.read_text())
    return {"error": done.stderr[-2000:]}


def in_this_process(name, asked, work, images):
    from gpu_stages import make_plan

    its = make_plan(asked.pairs, work, asked.out, images, asked.features)
    try:
        return run_stage(name, its)
    except Exception:
        return {"error": traceback.format_exc()[-2000:]}


def images_to_train(stages, left):
    """The paper's 80,000, or what fits into the seconds that are left."""
    one = stages.get("step_1", {}).get("result", {}).get("milliseconds")
    if one is None:
        return 0  # all of them
    return max(1000, int((min(left, STAGES["training"][2]) - 60) * 0.8 / one * 1000))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.8)
    parser.add_argument("--stages", default=",".join(STAGES), help="some of them, in this order")
    parser.add_argument("--features", type=Path, help="ONNX network whose features KID compares")
    parser.add_argument("--together", action="store_true", help="all stages in this process")
    parser.add_argument("--work", type=Path, help="kept between runs")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--images", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.stage:
        found = in_this_process(asked.stage, asked, asked.work, asked.images)
        (asked.work / f"{asked.stage}.json").write_text(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        run_all(asked, work)


def run_all(asked, work):
    began, stages = time.monotonic(), {}
    asked.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PIX2PIX_CACHE", str(work / "cache"))
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(work / "kernels"))
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    for name in asked.stages.split(","):
        left = asked.minutes * 60 - (time.monotonic() - began)
        start = time.monotonic()
        images = asked.images or images_to_train(stages, left)
        if left < 20:
            found = {"error": "no time was left"}
        elif asked.together:
            found = in_this_process(name, asked, work, images)
        else:
            found = in_a_process(name, asked, work, images, min(left, STAGES[name][2]))
        entry = {"seconds": round(time.monotonic() - start, 1)}
        entry |= found if set(found) == {"error"} else {"result": found}
        stages[name] = entry
        (asked.out / "results.json").write_text(json.dumps({"stages": stages}, indent=1))
        print(f"{name}: {entry.get('error') or 'done'} ({entry['seconds']} s)", flush=True)
    print(table(stages))


def table(stages):
    """The figures beside their aims."""
    found = {name: entry.get("result", {}) for name, entry in stages.items()}
    usual = found.get("textbook", {})
    peak = found.get("machine", {}).get("tflops_bf16")
    lines = [f"{'what':<44}{'found':>12}   aim"]

    def line(what, value, aim="", digits=3):
        shown = "-" if value is None else f"{value:.{digits}f}"
        lines.append(f"{what:<44}{shown:>12}   {aim}")

    for name, aim in (("step_1", "<= 1.95 ms"), ("step_16", ">= 2,800 /s"),
                      ("step_64", ">= 4,000 /s")):  # fmt: skip
        one = found.get(name, {})
        batch = one.get("batch")
        line(f"{name}: milliseconds", one.get("milliseconds"), aim * (name == "step_1"))
        line(f"{name}: images a second", one.get("images_per_second"), aim * (name != "step_1"), 1)
        loop = usual.get(str(batch), {}).get("milliseconds")
        if loop and batch:
            line(f"{name}: times faster than the textbook", loop / one["milliseconds"], "", 2)
        if peak and batch:
            share = one["gflop"] / one["milliseconds"] / 1000 / peak
            line(f"{name}: share of the matrix peak", share)
    memory = found.get("step_1", {}).get("memory_gb", {})
    line("batch 1: GB of the card", memory.get("of_the_card"), "<= 3 GB", 2)
    warm = found.get("step_1_warm", {})
    line("seconds to the first step, warm", warm.get("seconds_to_first_step"), "<= 25 s", 1)
    for name, off in found.get("compare", {}).get("largest_relative_difference", {}).items():
        line(f"fp32, graph against plain: {name}", off, "<= 1e-4", 7)
    line("L1 of bf16 over fp32", found.get("losses", {}).get("l1_bf16_over_fp32"), "1 +- 0.01", 4)
    train = found.get("training", {})
    line(f"training of {train.get('images', 0):,} images, s", train.get("seconds"), "< 160 s", 1)
    for name in ("l1", "kid"):
        line(f"validation {name}", found.get("scores", {}).get(name))
    own, loop = found.get("translating", {}), usual.get("translating", {})
    line("translating, ms a file", own.get("milliseconds_a_file"))
    if own and loop:
        line("translating: times faster", loop["seconds"] / own["seconds"], ">= 15", 1)
    for name, value in found.get("variants", {}).items():
        line(f"batch 1, {name}: milliseconds", value)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
