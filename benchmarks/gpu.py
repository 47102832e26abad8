"""Everything that is to be known of a GPU, by one command in under nine minutes.

command: PYTHONPATH=src python3 benchmarks/gpu.py PAIRS --out OUT

PAIRS is a folder of side-by-side pictures, sources on the right (facades). The textbook loop comes
first, which compiles nothing, then correctness, steps, a whole training of 200 epochs, scores and
translations. Each stage is a process of its own with a limit and writes what it found as it goes;
OUT/results.json is written anew after each: a run that is cut off leaves what it found. OUT gets at
most 8 files of at most 16 MiB: results.json, translated.zip, the weights in parts, which
benchmarks/parts.py joins.

The limits together are longer than one call: what is most wanted stands first, and the last stages
may find no time. Or split the work in two; with a --work on a disk that stays, the second call
finds the compiled kernels of the first:

    --stages machine,textbook,compare,step_1,step_1_warm,losses
    --stages training,scores,translating,weights,step_64,step_16,variants

It needs only this repository and torch >= 2.11. Where nothing can be installed, wheels of pydantic,
pydantic-core, annotated-types, typing-inspection and tomli-w unpacked into a folder of PYTHONPATH
do. Without a GPU the same stages run on tiny sizes. --stages and --minutes split the work.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

# Name, the stage of gpu_stages.py with its arguments, seconds it may take at most.
STAGES = {
    "machine": ("peaks", (), 45),
    "textbook": ("textbook", (), 90),
    "compare": ("compare", (), 150),
    "step_1": ("step", (0,), 120),
    "training": ("training", (), 330),
    "scores": ("scores", (), 60),
    "translating": ("translating", (), 60),
    "weights": ("weights", (), 30),
    "losses": ("losses", (), 120),
    "step_1_warm": ("step", (0,), 60),  # its compiled kernels are found on disk
    "step_64": ("step", (2,), 130),
    "step_16": ("step", (1,), 120),
    "variants": ("variants", (), 150),
}


def run_stage(name, its):
    import gpu_stages

    function, places, _ = STAGES[name]
    batches = list(its.times)
    return getattr(gpu_stages, function)(its, *(batches[place] for place in places))


def in_a_process(name, asked, work, images, seconds):
    """What a stage found, or why it found nothing."""
    answer, told = work / f"{name}.json", work / f"{name}.log"
    command = [sys.executable, __file__, str(asked.pairs), "--out", str(asked.out),
               "--work", str(work), "--stage", name, "--images", str(images),
               "--began", str(time.time())]  # fmt: skip
    command += ["--features", str(asked.features)] if asked.features else []
    error = stopped(command, told, seconds)
    found = json.loads(answer.read_text()) if answer.is_file() else {}
    return found if error is None else {"error": error} | found


def clear(name, work):
    """Remove what an earlier call found in the same folder: it would be taken for this one's."""
    (work / f"{name}.json").unlink(missing_ok=True)
    if name == "training":
        shutil.rmtree(work / "run", ignore_errors=True)  # it would be continued


def stopped(command, told, seconds):
    """Run it, with all that it starts, for so many seconds; what went wrong, if anything did."""
    with told.open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            code = running.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"not done after {seconds:.0f} s"
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)  # its workers too
                running.wait()
    return f"exit {code}: {told.read_text(errors='replace')[-2000:]}" if code else None


def in_this_process(name, asked, work, images):
    from gpu_stages import make_plan

    answer, began = work / f"{name}.json", asked.began or time.time()
    its = make_plan(asked.pairs, work, asked.out, images, asked.features, answer, began)
    try:
        its.keep(run_stage(name, its))
    except Exception:
        found = json.loads(answer.read_text()) if answer.is_file() else {}
        its.keep(found | {"error": traceback.format_exc()[-2000:]})
    return json.loads(answer.read_text())


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
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.stage:
        in_this_process(asked.stage, asked, asked.work, asked.images)
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
        clear(name, work)
        images = asked.images or images_to_train(stages, left)
        if left < 20:
            found = {"error": "no time was left"}
        elif asked.together:
            found = in_this_process(name, asked, work, images)
        else:
            found = in_a_process(name, asked, work, images, min(left, STAGES[name][2]))
        entry = {"seconds": round(time.monotonic() - start, 1)}
        if "error" in found:
            entry["error"] = found.pop("error")
        stages[name] = entry | {"result": found}
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
        if loop and "milliseconds" in one:
            line(f"{name}: times faster than the textbook", loop / one["milliseconds"], "", 2)
        if peak and "gflop" in one:
            share = one["gflop"] / one["milliseconds"] / peak  # both in TFLOP/s
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
    line("training: GB reserved at most", train.get("reserved_gb_at_most"), "", 2)
    for name in ("l1", "kid"):
        line(f"validation {name}", found.get("scores", {}).get(name))
    own, loop = found.get("translating", {}), usual.get("translating", {})
    line("translating, ms a file", own.get("milliseconds_a_file"))
    if "seconds" in own and loop:
        line("translating: times faster", loop["seconds"] / own["seconds"], ">= 15", 1)
    for name, value in found.get("variants", {}).items():
        line(f"batch 1, {name}: milliseconds", value)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
