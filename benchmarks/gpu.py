"""Everything that is to be known of a GPU, by two commands of about six minutes each.

command: PYTHONPATH=src python3 benchmarks/gpu.py PAIRS --out OUT --work WORK
             --features features.onnx --stages first --minutes 6.8
         the same with --stages second --minutes 5.3 and another OUT

PAIRS is a folder of side-by-side pictures, sources on the right (facades); features.onnx is written
by benchmarks/kid.py. WORK is on a disk that stays between the two: compiled kernels, decoded pairs
and what was found lie there, so the second command's OUT has the results of both. Without --stages
all is done by one command, in whatever --minutes it is given.

The first answers what decides: a step from a cold start; the engines compared; losses in bf16 and
float32; KID after 40 epochs of either engine; every manner of the engine at batch 1; batch 16 and
64 with tables of kernels. What is timed is alone on the machine. What is not runs side by side (`+`
in --stages), and meanwhile the kernels of what is timed later are compiled. The second trains 200
epochs, scores them, translates, times the textbook loop, a warm start and pairs that are streamed,
and does what the first had no time for.

Each stage is a process of its own with a limit and writes what it found as it goes; results.json is
written anew after each: a command that is cut off leaves what it found. OUT gets at most 8 files of
at most 16 MiB: results.json, translated.zip, the weights in parts, which benchmarks/parts.py joins.

It needs only this repository and torch >= 2.11 with what comes along (numpy, Pillow, rich, typer,
safetensors, torchmetrics, tifffile; onnxruntime for KID). Where nothing can be fetched, wheels of
the others are brought along in a folder, for that machine's Python:

    python3 -m pip download --no-deps --only-binary=:all: --python-version 3.12 --dest wheels
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64
        pydantic pydantic-core==AS_PYDANTIC_SAYS annotated-types typing-extensions
        typing-inspection tomli-w
    python3 -m pip install --no-index --no-deps --target site wheels/*.whl
    PYTHONPATH=site:src python3 benchmarks/gpu.py ...

Without a GPU the same stages run on tiny sizes.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

# Name, the stage of gpu_stages.py with its arguments, seconds it may take at most.
STAGES = {
    "machine": ("peaks", (), 45),
    "step_1": ("step", (0,), 130),
    "compare": ("compare", (), 180),
    "losses": ("losses", (), 180),
    "kid_40_plain": ("kid_40", ("plain", (0,)), 190),
    "kid_40_fast": ("kid_40", ("graph", (1, 2)), 190),
    "ready_variants": ("ready_variants", (), 190),
    "ready_16": ("ready", (1,), 170),
    "ready_64": ("ready", (2,), 170),
    "variants": ("variants", (), 150),
    "step_16": ("step", (1,), 80),
    "step_64": ("step", (2,), 80),
    "training": ("training", (), 275),
    "scores": ("scores", (), 40),
    "translating": ("translating", (), 40),
    "weights": ("weights", (), 30),
    "textbook": ("textbook", (), 75),
    "step_1_warm": ("step", (0,), 60),  # its compiled kernels are found on disk
    "streamed_1": ("streamed", (0,), 50),
    "streamed_16": ("streamed", (1,), 50),
}
CALLS = {
    "first": "machine,step_1,compare+losses+kid_40_plain+kid_40_fast+ready_variants+ready_16"
    "+ready_64,variants,step_16,step_64",
    "second": "training,scores,translating,weights,textbook,step_1_warm,rest,streamed_1,streamed_16",
}
_START = 40  # seconds of a training that are no steps
_GRACE = 15  # seconds in which a training that was told to end may save


def run_stage(name, its):
    import gpu_stages

    function, arguments, _ = STAGES[name]
    return getattr(gpu_stages, function)(its, *arguments)


def in_a_process(name, asked, work, images, seconds, beside=1):
    """What a stage found, or why it found nothing; with so many others at the same time."""
    answer, told = work / f"{name}.json", work / f"{name}.log"
    command = [
        sys.executable,
        __file__,
        str(asked.pairs),
        "--out",
        str(asked.out),
        "--work",
        str(work),
        "--stage",
        name,
        "--images",
        str(images),
        "--began",
        str(time.time()),
    ]
    command += ["--features", str(asked.features)] if asked.features else []
    error = stopped(command, told, seconds, {} if beside == 1 else _sharing(beside))
    found = json.loads(answer.read_text()) if answer.is_file() else {}
    return found if error is None else {"error": error} | found


def _sharing(beside):
    """The processor's cores, shared by stages of which about half have something to compile."""
    cores = os.cpu_count()
    threads = {"OMP_NUM_THREADS": cores // beside, "TORCHINDUCTOR_COMPILE_THREADS": 2 * cores // beside}
    return {name: str(max(2, count)) for name, count in threads.items()}


def clear(name, work):
    """Remove what an earlier call found in the same folder: it would be taken for this one's."""
    (work / f"{name}.json").unlink(missing_ok=True)
    if name == "training":
        shutil.rmtree(work / "run", ignore_errors=True)  # it would be continued


def stopped(command, told, seconds, environment=()):
    """Run it, with all that it starts, for so many seconds; what went wrong, if anything did.

    A training ends softly at its limit, with what it has learned; the others just end.
    """
    with told.open("w") as log:
        running = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, env=os.environ | dict(environment)
        )
        try:
            code = running.wait(seconds)
        except subprocess.TimeoutExpired:
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.wait(_GRACE)
            return f"not done after {seconds:.0f} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)  # its workers, if any are left
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
        its.keep(found | {"error": traceback.format_exc()[-6000:]})
    return json.loads(answer.read_text())


def images_to_train(stages, left):
    """The paper's 80,000, or what fits into the seconds that are left."""
    one = stages.get("step_1", {}).get("result", {}).get("milliseconds")
    if one is None:
        return 0  # all of them
    return max(1000, int((min(left, STAGES["training"][2]) - _START) * 0.92 / one * 1000))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12.5)
    parser.add_argument(
        "--stages", default="first,second", help="in this order; + between those side by side"
    )
    parser.add_argument("--features", type=Path, help="ONNX network whose features KID compares")
    parser.add_argument("--together", action="store_true", help="all stages in this process")
    parser.add_argument("--work", type=Path, help="kept between runs")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--images", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    check(parser, asked)
    if asked.stage:
        in_this_process(asked.stage, asked, asked.work, asked.images)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        run_all(asked, work)


def check(parser, asked):
    """End at once with a sentence where the stages would all fail for the same reason."""
    if not asked.pairs.is_dir():
        parser.error(f"{asked.pairs} is no folder of pairs")
    if asked.features and not asked.features.is_file():
        parser.error(f"{asked.features} does not exist: benchmarks/kid.py writes such a file")
    names = re.split("[,+]", asked.stages)
    if unknown := sorted(set(names) - {*STAGES, *CALLS, "rest"}):
        parser.error(f"no stage is called {unknown[0]}: wanted {', '.join([*CALLS, *STAGES])}")


def run_all(asked, work):
    began = time.monotonic()
    asked.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PIX2PIX_CACHE", str(work / "cache"))
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(work / "kernels"))
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    kept = work / "results.json"
    stages = json.loads(kept.read_text())["stages"] if kept.is_file() else {}
    coming = deque(asked.stages.split(","))
    while coming:
        group = coming.popleft()
        if group in CALLS or group == "rest":
            more = CALLS[group].split(",") if group in CALLS else rest(stages)
            coming.extendleft(reversed(more))
            continue
        left = asked.minutes * 60 - (time.monotonic() - began)
        for name, entry in run_group(group.split("+"), asked, work, stages, left):
            stages[name] = entry
            for place in (kept, asked.out / "results.json"):
                place.write_text(json.dumps({"stages": stages}, indent=1))
            print(f"{name}: {entry.get('error') or 'done'} ({entry['seconds']} s)", flush=True)
    print(table(stages))


def rest(stages):
    """Stages of the first call that found nothing, for lack of time as a rule; shortest first."""
    names = [n for n in re.split("[,+]", CALLS["first"]) if not n.startswith("ready")]
    empty = [n for n in names if not stages.get(n, {}).get("result")]
    return sorted(empty, key=lambda name: STAGES[name][2])


def run_group(names, asked, work, stages, left):
    """Each stage's name and what came of it, as they end; several run side by side."""
    images = asked.images or images_to_train(stages, left)

    def run(name):
        start = time.monotonic()
        clear(name, work)
        if left < 20:
            found = {"error": "no time was left"}
        elif asked.together:
            found = in_this_process(name, asked, work, images)
        else:
            seconds = min(left, STAGES[name][2])
            found = in_a_process(name, asked, work, images, seconds, len(names))
        entry = {"seconds": round(time.monotonic() - start, 1)}
        if "error" in found:
            entry["error"] = found.pop("error")
        return name, entry | {"result": found}

    with ThreadPoolExecutor(1 if asked.together else len(names)) as pool:
        for ended in as_completed([pool.submit(run, name) for name in names]):
            yield ended.result()


def table(stages):
    """The figures beside their aims."""
    found = {name: entry.get("result", {}) for name, entry in stages.items()}
    usual = found.get("textbook", {})
    peak = found.get("machine", {}).get("tflops_bf16")
    gpu = "gpu" in found.get("machine", {})
    lines = [f"{'what':<48}{'found':>12}   aim"]
    if not gpu:
        lines.insert(0, "No GPU was seen: tiny sizes, to which no aim applies.")

    def line(what, value, aim="", digits=3):
        shown = "-" if value is None else f"{value:.{digits}f}"
        lines.append(f"{what:<48}{shown:>12}   {aim * gpu}".rstrip())

    for name, aim in (("step_1", "<= 1.95 ms"), ("step_16", ">= 2,800 /s"), ("step_64", ">= 4,000 /s")):
        one = found.get(name, {})
        batch = one.get("batch")
        line(f"{name}: milliseconds", one.get("milliseconds"), aim * (name == "step_1"))
        line(f"{name}: images a second", one.get("images_per_second"), aim * (name != "step_1"), 1)
        loop = usual.get(str(batch), {}).get("milliseconds")
        if loop and "milliseconds" in one:
            line(f"{name}: times faster than the textbook", loop / one["milliseconds"], "", 2)
        if peak and "gflop" in one and "milliseconds" in one:
            share = one["gflop"] / one["milliseconds"] / peak  # both in TFLOP/s
            line(f"{name}: share of the matrix peak", share)
    for name in ("streamed_1", "streamed_16"):
        line(f"{name}: milliseconds", found.get(name, {}).get("milliseconds"))
    memory = found.get("step_1", {}).get("memory_gb", {})
    line("batch 1: GB of the card", memory.get("of_the_card"), "<= 3 GB", 2)
    line("batch 1: GB of the card, CUDA's own included", memory.get("in_use_of_the_card"), "", 2)
    for name, what, aim in (
        ("step_1", "cold", ""),
        ("step_1_warm", "warm", "<= 25 s"),
        ("training", "warm, by training", "<= 25 s"),
    ):
        seconds = found.get(name, {}).get("seconds_to_first_step")
        line(f"seconds to the first step, {what}", seconds, aim, 1)
    for name, off in found.get("compare", {}).get("largest_relative_difference", {}).items():
        line(f"fp32, graph against plain: {name}", off, "<= 1e-4", 7)
    line("L1 of bf16 over fp32", found.get("losses", {}).get("l1_bf16_over_fp32"), "1 +- 0.01", 4)
    for engine in ("plain", "fast"):
        for seed, along in found.get(f"kid_40_{engine}", {}).get("runs", {}).items():
            for at in along[-1:]:
                line(
                    f"KID, {engine}, seed {seed}, {at['images']:,} images",
                    at["kid"],
                    "inside those of fast" * (engine == "plain"),
                )
    train = found.get("training", {})
    line(f"training of {train.get('images', 0):,} images, s", train.get("seconds"), "", 1)
    line("its steps alone, s", train.get("seconds_of_steps_alone"), "< 160 s for 80,000", 1)
    line("training: GB reserved at most", train.get("reserved_gb_at_most"), "", 2)
    for name in ("l1", "kid", "kid_x1000"):
        line(f"validation {name}", found.get("scores", {}).get(name))
    own, loop = found.get("translating", {}), usual.get("translating", {})
    line("translating, ms a file", own.get("milliseconds_a_file"))
    if "seconds" in own and loop:
        line("translating: times faster", loop["seconds"] / own["seconds"], ">= 15", 1)
    for name, value in found.get("variants", {}).items():
        if name != "failed":
            line(f"batch 1, {name}: milliseconds", value)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
