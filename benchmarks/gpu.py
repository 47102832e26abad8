"""What is to be known of an NVIDIA GPU, by one call of at most 8 minutes. Not seen on a GPU yet.

command: PYTHONPATH=src python benchmarks/gpu.py PAIRS --out OUT [--features features.onnx]

PAIRS is a folder of side-by-side pictures, sources on the right (facades); features.onnx is written
by benchmarks/kid.py, without it KID is left out. The stages, in order of worth:

    compare     both engines in float32 from equal states: losses and gradient norms
    step_1      milliseconds, images a second, memory, start-up of a step at batch 1
    step_16     the same at batch 16
    step_64     the same at batch 64
    training    200 epochs by `train`, as many as fit in the time
    kid         L1, PSNR, SSIM and KID of the trained model on the validation pairs
    translate   100 files by the trained model

Each stage is a process with a limit. OUT/results.json is written anew after each: a call that is cut
off leaves what was measured. Without a GPU the same stages run on tiny sizes.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import torch
from kid import features, kid
from measure import Steps, config_for, machine, median_seconds
from rich.console import Console

from pix2pix.data.batches import in_order
from pix2pix.data.reading import find_reading
from pix2pix.data.store import open_store
from pix2pix.device import pick_device
from pix2pix.inference.folder import translate_items
from pix2pix.inference.items import Options, plan
from pix2pix.inference.translator import Translator
from pix2pix.measures import measure
from pix2pix.pairs.find import find_pairs
from pix2pix.pictures import codec, geometry
from pix2pix.training.train import train
from pix2pix.training.validation import translate_batch

GRACE = 15  # seconds in which a training that is ended may save


@dataclass(frozen=True)
class Sizes:
    """How large and how long the stages are."""

    px: int
    width: int
    images: int  # of the training
    states: int  # compared
    between: int  # steps between two compared states
    times: dict[int, int]  # steps timed in a group, by batch


GPU = Sizes(256, 64, 80_000, 10, 20, {1: 300, 16: 40, 64: 15})
PROCESSOR = Sizes(32, 4, 24, 2, 2, {1: 2, 16: 1, 64: 1})


class Bench:
    """What every stage works with."""

    def __init__(self, options):
        self.pairs, self.out, self.features = options.pairs, options.out, options.features
        gpu = torch.cuda.is_available()
        self.device, self.sizes = pick_device("cuda" if gpu else "cpu"), GPU if gpu else PROCESSOR
        self.model = self.out / "run" / "model.safetensors"

    def steps(self, batch, engine, precision):
        config = config_for(self.sizes.px, self.sizes.width, batch)
        return Steps(self.pairs, config, self.device, engine, precision)


def compare(bench):
    """From equal states, one step of each engine in float32: the largest relative differences."""
    plain, graph = (bench.steps(1, engine, "fp32") for engine in ("plain", "graph"))
    worst = {}
    for _ in range(bench.sizes.states):
        plain.steps(bench.sizes.between)
        for mine, theirs in zip(graph.state.tensors(), plain.state.tensors(), strict=True):
            mine.data.copy_(theirs)
        graph.state.images_seen = plain.state.images_seen
        packet, rows = plain.packet(), []
        for engine in (plain, graph):
            before = moments(engine.state)
            engine.meter.clear()
            engine.step_on(packet)
            rows.append(engine.meter.means() | gradient_norms(engine, before))
        plain.restart()
        for name, expected in rows[0].items():
            if name != "d_right":  # a count: one patch at the border is more than any rounding
                off = abs(rows[1][name] - expected) / max(abs(expected), 1e-12)
                worst[name] = max(worst.get(name, 0.0), off)
    for engine in (plain, graph):
        engine.close()
    return machine(bench.device) | {"largest_relative_difference": worst, "logged": graph.logged}


def moments(state):
    return [
        [adam.state[w]["exp_avg"].double() for w in adam.param_groups[0]["params"]]
        for _, _, adam in state.parts()
    ]


def gradient_norms(engine, before):
    """Return the norms by what a step did to Adam's means: whatever engine made it."""
    beta, norms = engine.config.training.beta1, {}
    for (name, _, _), old, new in zip(engine.state.parts(), before, moments(engine.state), strict=True):
        gradients = ((n - beta * o) / (1 - beta) for o, n in zip(old, new, strict=True))
        norms[f"gradient_{name}"] = float(sum((g**2).sum() for g in gradients) ** 0.5)
    return norms


def step(bench, batch):
    """Time, memory and start-up of the step that training takes, its data included."""
    gpu = bench.device.type == "cuda"
    free = torch.cuda.mem_get_info()[0] if gpu else 0
    steps = bench.steps(batch, "graph", "auto")
    steps.steps(3)
    seconds = median_seconds(steps.step, bench.device, times=bench.sizes.times[batch])
    row = {
        "batch": batch,
        "milliseconds": seconds * 1000,
        "images_per_second": batch / seconds,
        "seconds_to_first_step": steps.started,
        "logged": steps.logged,
    }
    if gpu:
        row["allocated_gb_at_most"] = torch.cuda.max_memory_allocated() / 1e9
        row["of_the_card_gb"] = (free - torch.cuda.mem_get_info()[0]) / 1e9
    steps.close()
    return row


def training(bench):
    """Train as `pix2pix train` does, validation, previews and saves included."""
    images = bench.sizes.images
    config = config_for(
        bench.sizes.px,
        bench.sizes.width,
        1,
        f"training.images={images}",
        f"training.validate_images={images // 5}",
        f"training.save_images={images // 5}",
        f"training.log_images={max(1, images // 200)}",
    )
    log, start = StringIO(), time.perf_counter()
    result = train([bench.pairs], config, bench.model.parent, console=Console(file=log))
    seconds = time.perf_counter() - start
    lines = map(json.loads, (bench.model.parent / "metrics.jsonl").read_text().splitlines())
    speeds = [line["images_per_second"] for line in lines if "images_per_second" in line]
    return {
        "images": result.images_seen,
        "seconds": seconds,
        "milliseconds_a_step_by_median_line": 1000 / statistics.median(speeds),
        "scores": result.scores,
        "logged": log.getvalue().splitlines()[:12],
    }


def score(bench):
    """Score the trained model on all validation pairs; KID where a feature network is given."""
    translator = Translator.load(bench.model)
    header, splits = translator.header, find_pairs([bench.pairs], "right").splits
    pairs = splits.get("val") or splits["train"][:10]
    store = open_store(pairs, header.config.data.size, find_reading(pairs, header.config))
    outputs, targets, scores = [], [], []
    for batch in in_order(store, 8):
        batch = batch.to(bench.device)
        output = translate_batch(translator.generator.to(bench.device), batch, header.mode)
        scores.append(measure(output, batch.target))
        outputs.append(output.cpu())
        targets.append(batch.target.cpu())
    row = {name: float(torch.cat([s[name] for s in scores]).mean()) for name in scores[0]}
    row |= {"images": header.provenance.images_seen, "pairs": len(store)}
    if bench.features is None:
        return row | {"left_out": "KID: no feature network was given"}
    real, fake = (features(torch.cat(some), bench.features) for some in (targets, outputs))
    return row | kid(real, fake)


def translate(bench):
    """Files in, files out, by the trained model: 100 of them, or as many as there are."""
    splits, sources = find_pairs([bench.pairs], "right").splits, bench.out / "sources"
    for pair in (splits.get("val", []) + splits["train"])[:100]:
        whole = codec.read(pair.source.path)
        half = geometry.half(whole, pair.source.side, str(pair.source.path))
        codec.write(half, sources / f"{pair.name.replace('/', '_')}.jpg")
    translator, files = Translator.load(bench.model), [str(p) for p in sorted(sources.iterdir())]

    def run(some):
        return translate_items(translator, plan(some, bench.out / "translated", translator), Options())

    run(files[:20])
    start = time.perf_counter()
    failures = run(files)
    seconds = time.perf_counter() - start
    return {"files": len(files), "milliseconds_a_file": 1000 * seconds / len(files), "failures": failures}


# Name -> stage, and the seconds that it may take at most.
STAGES = {
    "compare": (compare, 90),
    "step_1": (lambda bench: step(bench, 1), 75),
    "step_16": (lambda bench: step(bench, 16), 60),
    "step_64": (lambda bench: step(bench, 64), 60),
    "training": (training, 300),
    "kid": (score, 40),
    "translate": (translate, 40),
}
AFTER_TRAINING = 60  # seconds kept for the two stages that need its model


def run_stage(name, options):
    """Return what a stage measures, or its traceback."""
    try:
        return STAGES[name][0](Bench(options))
    except Exception:
        return {"error": traceback.format_exc()[-4000:]}


def in_a_process(name, arguments, out, seconds):
    """Return what a stage measures within so many seconds; a training ends softly at its limit."""
    answer = out / f"{name}.json"
    answer.unlink(missing_ok=True)
    with (out / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, *arguments, "--stage", name],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and its workers
            process.wait()
    if answer.is_file():
        return json.loads(answer.read_text())
    return {"error": f"ended without a result: {(out / f'{name}.log').read_text()[-2000:]}"}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--features", type=Path, help="ONNX network whose features KID compares")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--together", action="store_true", help="all stages in this process")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.pairs.is_dir():
        parser.error(f"{options.pairs} is no folder of pairs")
    if options.features and not options.features.is_file():
        parser.error(f"{options.features} does not exist: benchmarks/kid.py writes such a file")
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PIX2PIX_CACHE", str(options.out / "cache"))
    if options.stage:
        row = run_stage(options.stage, options)
        (options.out / f"{options.stage}.json").write_text(json.dumps(row))
        return
    end, results = time.monotonic() + 60 * options.minutes, {}
    for name, (_, limit) in STAGES.items():
        start = time.monotonic()
        left = end - start - AFTER_TRAINING * (name == "training")
        if options.together:
            row = run_stage(name, options)
        elif left < 20:
            row = {"error": "no time was left"}
        else:
            row = in_a_process(name, arguments or sys.argv[1:], options.out, min(limit, left) - GRACE)
        results[name] = {"took_seconds": round(time.monotonic() - start, 1)} | row
        (options.out / "results.json").write_text(json.dumps(results, indent=1))
        print(f"{name}: {json.dumps(results[name])}", flush=True)


if __name__ == "__main__":
    main()
