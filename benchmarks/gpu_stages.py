"""The stages of gpu.py: each returns what it measured, as JSON.

A plan says how large everything is; on a processor the same stages run on tiny sizes.
"""

import json
import os
import statistics
import time
import zipfile
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import torch
from kid import features, kid
from measure import Run, config_for, gflop_a_step, machine, matrix_peak, median_seconds, wait
from parts import write_parts
from pix2pix.training.twin import Manner
from rich.console import Console
from textbook import Step, endless, generator, translate
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from pix2pix.data.batches import in_order
from pix2pix.data.feed import HostFeed, find_feed, sent
from pix2pix.data.pairs import find_pairs
from pix2pix.data.reading import find_reading
from pix2pix.data.store import open_store
from pix2pix.device import pick_device
from pix2pix.inference.folder import Options, plan, run_jobs
from pix2pix.inference.translator import Translator
from pix2pix.measures.pixels import measure
from pix2pix.pictures import codec, geometry
from pix2pix.training.train import train
from pix2pix.training.validation import translate_batch


@dataclass(frozen=True)
class Plan:
    """How large, how long. `work` is a folder for what lies between stages, `out` what is kept."""

    pairs: Path
    work: Path
    out: Path
    device: torch.device
    px: int
    width: int
    times: dict[int, int]  # steps timed in a group, by batch
    states: int
    between: int  # steps between two compared states
    loss_steps: int
    kid_steps: int
    validate_images: int
    images: int
    features: Path | None
    answer: Path
    began: float  # when the stage's process was started, of time.time()
    timed: bool = True  # else only what is compiled is wanted

    def config(self, batch, *settings):
        return config_for(self.px, self.width, batch, *settings)

    def keep(self, found):
        """Write what was found so far: a stage that is cut off leaves it."""
        beside = self.answer.with_suffix(".part")
        beside.write_text(json.dumps(found))
        beside.replace(self.answer)

    @property
    def gpu(self):
        return self.device.type == "cuda"


def make_plan(pairs, work, out, images, features, answer, began):
    if torch.cuda.is_available():
        device = pick_device("cuda")
        sizes = (256, 64, {1: 300, 16: 40, 64: 15}, 20, 20, 400, 16_000, 4_000)
    else:
        device = torch.device("cpu")
        sizes = (32, 4, {1: 2, 2: 2, 3: 2}, 3, 2, 10, 8, 15)
    whole = 80_000 if device.type == "cuda" else 30
    whole = min(whole, images or whole)
    return Plan(pairs, work, out, device, *sizes, whole, features, answer, began)


# Correctness


def compare(its):
    """From equal states, one step of each engine in float32: losses and gradient norms."""
    plain, graph = (
        Run(its.pairs, its.config(1), its.device, engine, "fp32") for engine in ("plain", "graph")
    )
    worst, rows = {}, []
    for _ in range(its.states):
        plain.steps(its.between)
        at = plain.state.images_seen
        for mine, theirs in zip(graph.state.tensors(), plain.state.tensors(), strict=True):
            mine.data.copy_(theirs)
        graph.state.images_seen = at
        graph.engine.refresh()
        found = []
        for run in (plain, graph):
            before = _moments(run.state)
            run.meter.clear()
            run.engine.step(sent(run.line.packet(at), run.device))
            found.append(run.meter.means() | _gradient_norms(run, before))
        plain.go_on()
        rows.append({"images": at, "plain": found[0], "graph": found[1]})
        for name, wanted in found[0].items():
            if name == "d_right":
                continue  # a count: one patch at the border is more than any rounding
            off = abs(found[1][name] - wanted) / max(abs(wanted), 1e-12)
            worst[name] = max(worst.get(name, 0.0), off)
        its.keep({"largest_relative_difference": worst, "aim": 1e-4, "states": rows})
    plain.close()
    graph.close()
    return {"largest_relative_difference": worst, "aim": 1e-4, "states": rows}


def _moments(state):
    return [
        [a.state[w]["exp_avg"].double() for w in a.param_groups[0]["params"]] for _, _, a in state.parts()
    ]


def _gradient_norms(run, before):
    """Of the step just made, from what it did to Adam's means: whatever engine made it."""
    beta, norms = run.config.training.beta1, {}
    for (name, _, _), old, new in zip(run.state.parts(), before, _moments(run.state), strict=True):
        gradients = ((n - beta * o) / (1 - beta) for o, n in zip(old, new, strict=True))
        norms[f"gradient_{name}"] = float(sum((g**2).sum() for g in gradients) ** 0.5)
    return norms


def losses(its):
    """Mean losses of the first steps in bf16 and in float32, by seed."""
    found = {"bf16": [], "fp32": []}
    for seed in range(3):
        for precision, rows in found.items():
            config = its.config(1, f"training.seed={seed}")
            run = Run(its.pairs, config, its.device, "graph", precision)
            run.steps(its.loss_steps - 1)
            rows.append(run.meter.means())
            run.close()
            its.keep({"steps": its.loss_steps, "runs": found})
    means = {p: statistics.mean(r["loss_l1"] for r in rows) for p, rows in found.items()}
    ranges = {
        name: [f(r[name] for r in found["fp32"]) for f in (min, max)] for name in ("loss_d", "loss_gan")
    }
    inside = {name: [low <= r[name] <= high for r in found["bf16"]] for name, (low, high) in ranges.items()}
    return {
        "steps": its.loss_steps,
        "l1_bf16_over_fp32": means["bf16"] / means["fp32"],
        "gan_losses_inside_the_range_of_fp32": inside,
        "runs": found,
    }


def kid_40(its, engine, seeds):
    """KID along 40 epochs of facades by one engine in the machine's own precision, by seed."""
    found = {"engine": engine, "epochs": 40, "runs": {}}
    if its.features is None:
        return found | {"left_out": "no feature network was given"}
    for seed in seeds:
        run = Run(its.pairs, its.config(1, f"training.seed={seed}"), its.device, engine, "auto")
        pairs, config = _validation(its), run.config
        along = found["runs"][str(seed)] = []
        for quarter in range(1, 5):
            run.steps(quarter * its.kid_steps // 4 - run.state.images_seen)
            outputs, targets, measured = _translated(
                run.state.generator, pairs, config, config.default_mode, its
            )
            scored = kid(features(targets, its.features), features(outputs, its.features))
            along.append({"images": run.state.images_seen, "l1": measured["l1"], **scored})
            its.keep(found)
        run.close()
    return found


# Steps


def step(its, place, feed=find_feed, tables=True):
    """Time, memory and kernels of the step that training takes, its data included."""
    batch = list(its.times)[place]
    kernels = Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR", its.work / "kernels"))
    cold = not (kernels.is_dir() and any(kernels.iterdir()))
    if its.gpu:
        torch.cuda.reset_peak_memory_stats()
        free_before = torch.cuda.mem_get_info()[0]
    run = Run(its.pairs, its.config(batch), its.device, "graph", "auto", feed=feed)
    found = {
        "batch": batch,
        "seconds_to_first_step": time.time() - its.began,
        "nothing_compiled_before": cold,
        "said": run.said,
    }
    its.keep(found)
    run.steps(5)
    seconds = median_seconds(run.step, its.device, times=its.times[batch])
    found |= {"milliseconds": seconds * 1000, "images_per_second": batch / seconds}
    if its.gpu:
        free, whole = torch.cuda.mem_get_info()
        found["memory_gb"] = {
            "allocated_at_most": torch.cuda.max_memory_allocated() / 1e9,
            "reserved": torch.cuda.memory_reserved() / 1e9,
            "of_the_card": (free_before - free) / 1e9,
            "in_use_of_the_card": (whole - free) / 1e9,  # with what CUDA itself takes
        }
    its.keep(found)
    found["gflop"] = gflop_a_step(its.pairs, its.px, its.width, 1) * batch
    its.keep(found)
    if tables:
        try:
            found["kernels"] = kernel_table(run, its)
        except Exception as error:  # a profiler may be forbidden where the GPU is not
            found["kernels"] = {"error": str(error)[-500:]}
    run.close()
    return found


def streamed(its, place):
    """The same step of a set that is too large to be kept on the device."""
    return step(its, place, lambda loader, device: HostFeed(loader), tables=False)


def ready(its, place):
    """Compile the step of a batch, for a stage to come: kernels are found on disk."""
    run = Run(its.pairs, its.config(list(its.times)[place]), its.device, "graph", "auto")
    run.close()
    return {"seconds": run.started, "said": run.said}


def ready_variants(its):
    """Compile what `variants` times."""
    variants(replace(its, timed=False))
    return {"seconds": time.time() - its.began}


def kernel_table(run, its, steps=10, rows=40):
    """Name, calls and microseconds a step of the kernels that take longest."""
    activity = ProfilerActivity.CUDA if its.gpu else ProfilerActivity.CPU
    with profile(activities=[activity]) as seen:
        run.steps(steps)
        wait(its.device)
    spent = "self_device_time_total" if its.gpu else "self_cpu_time_total"
    where = DeviceType.CUDA if its.gpu else DeviceType.CPU  # no launches among the kernels
    events = [e for e in seen.key_averages() if getattr(e, spent) and e.device_type == where]
    events.sort(key=lambda e: -getattr(e, spent))
    table = [
        [e.key[:120], round(e.count / steps, 2), round(getattr(e, spent) / steps, 2)] for e in events[:rows]
    ]
    whole = sum(getattr(e, spent) for e in events) / steps
    return {"calls": sum(e.count for e in events) / steps, "microseconds": whole, "table": table}


def variants(its):
    """Batch 1 in each of the engine's manners, what decides most first, and the plain engine."""
    found = {}
    for name, manner in _manners(its.gpu).items():
        try:
            run = Run(its.pairs, its.config(1), its.device, "graph", "bf16", manner)
            if its.gpu and "captured in" not in run.said[-1]:
                raise RuntimeError(" / ".join(run.said))
            found[name] = _milliseconds(run, its)
        except Exception as error:  # the others are tried all the same
            found.setdefault("failed", {})[name] = str(error)[-500:]
        its.keep(found)
    for precision in ("bf16", "fp32"):
        run = Run(its.pairs, its.config(1), its.device, "plain", precision)
        found[f"plain {precision}"] = _milliseconds(run, its)
        its.keep(found)
    return found


def _manners(gpu):
    """By name; lanes and Adam's kernel are for GPUs alone, options for the compiler."""
    base = Manner(torch.bfloat16, padded=True, compiled=gpu)
    own = replace(base, own_adam=gpu)
    best = replace(own, beside=gpu)
    compiler = {
        "lanes, combined kernels": {"combo_kernels": True},
        "lanes, cooperative reductions": {"triton.cooperative_reductions": True},
        "lanes, both": {"combo_kernels": True, "triton.cooperative_reductions": True},
        "lanes, more buffers": {"realize_reads_threshold": 4},
        "lanes, longer kernels": {"realize_opcount_threshold": 100},
    }
    return {
        "as torch has it": base,
        "own Adam": own,
        "lanes": best,
        **{name: replace(best, options=tuple(its.items())) for name, its in compiler.items()},
        "lanes, D not merged": replace(best, merged=False),
        "lanes, not padded": replace(best, padded=False),
        "not compiled": replace(base, compiled=False),
    }


def _milliseconds(run, its):
    seconds = 0
    if its.timed:
        run.steps(5)
        seconds = median_seconds(run.step, its.device, groups=5, times=-(-its.times[1] // 3))
    run.close()
    return seconds * 1000


def peaks(its):
    """What the machine itself can do."""
    side = 8192 if its.gpu else 256
    found = machine(its.device) | {
        f"tflops_{name}": matrix_peak(its.device, side, dtype) / 1e12
        for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32))
    }
    block = torch.empty(2**31 if its.gpu else 2**22, dtype=torch.uint8, device=its.device)
    other = torch.empty_like(block)
    seconds = median_seconds(lambda: other.copy_(block), its.device)
    return found | {"copy_gb_per_second": 2 * block.numel() / seconds / 1e9}


# Today's practice


def textbook(its):
    """The same steps and translations by the plain loop of textbook.py."""
    paths = _train_pictures(its)
    workers = min(8, os.cpu_count()) if its.gpu else 0
    found = {}
    for batch, times in its.times.items():
        usual = Step(its.px, its.width, its.device, strided=3 if its.px >= 64 else 1)
        coming = endless(paths, its.px, min(batch, len(paths)), workers)
        for _ in range(3):
            usual(*next(coming))
        one = median_seconds(
            lambda u=usual, c=coming: u(*next(c)), its.device, groups=3, times=max(2, times // 5)
        )
        found[str(batch)] = {"milliseconds": one * 1000, "images_per_second": batch / one}
        its.keep(found)
        coming.close()  # and its workers
    sources = _source_files(its)
    network = generator(its.width, its.px.bit_length() - 1).to(its.device)
    translate(network, sources[:3], its.work / "usual", its.px, its.device)
    start = time.perf_counter()
    translate(network, sources, its.work / "usual", its.px, its.device)
    found["translating"] = {"files": len(sources), "seconds": time.perf_counter() - start}
    return found


def _train_pictures(its):
    return [pair.target.path for pair in find_pairs([its.pairs], "right").splits["train"]]


def _source_files(its, count=100):
    """Sources alone as JPEGs, written once."""
    folder = its.work / "sources"
    if not folder.is_dir():
        splits = find_pairs([its.pairs], "right").splits
        pairs = (splits.get("val", []) + splits["train"])[:count]
        for pair in pairs:
            whole = codec.read(pair.source.path)
            half = geometry.half(whole, pair.source.side, str(pair.source.path))
            codec.write(half, folder / f"{pair.name.replace('/', '_')}.jpg")
    return sorted(folder.glob("*.jpg"))


# A whole training


class Told(StringIO):
    """What a run says, and when it said that it has captured the step."""

    captured = None

    def write(self, text):
        if "captured in" in text:
            self.captured = time.time()
        return super().write(text)


def training(its):
    """As `pix2pix train` does it, validation, previews and saves included."""
    config = its.config(
        1,
        f"training.images={its.images}",
        f"training.validate_images={its.validate_images}",
        f"training.save_images={its.validate_images}",
        f"training.log_images={max(1, its.images // 200)}",
    )
    said = Told()
    start = time.perf_counter()
    result = train([its.pairs], config, its.work / "run", console=Console(file=said))
    seconds = time.perf_counter() - start
    lines = [json.loads(x) for x in (its.work / "run" / "metrics.jsonl").read_text().splitlines()]
    logged = [line for line in lines if "images_per_second" in line]
    speed = statistics.median(line["images_per_second"] for line in logged)
    memory = {"reserved_gb_at_most": torch.cuda.max_memory_reserved() / 1e9} if its.gpu else {}
    return {
        "images": result.images_seen,
        "seconds": seconds,
        "in_the_loop": logged[-1]["seconds"],
        "milliseconds_a_step_by_median_line": 1000 / speed,
        "seconds_outside_the_loop": seconds - logged[-1]["seconds"],
        "seconds_to_first_step": said.captured and said.captured - its.began,
        "seconds_of_steps_alone": result.images_seen / speed,
        "scores": result.scores,
        **memory,
        "losses": [
            {k: v for k, v in line.items() if k != "learning_rate"}
            for line in lines[:: max(1, len(lines) // 60)]
        ],
        "said": said.getvalue().splitlines()[:12],
    }


def weights(its):
    """The model that was trained, in parts."""
    return {"parts": write_parts(its.work / "run" / "model.safetensors", its.out)}


def translating(its):
    """Files in, files out, with the model that was trained; kept as one archive."""
    sources, out = _source_files(its), its.work / "translated"
    start = time.perf_counter()
    translator = Translator.load(its.work / "run" / "model.safetensors")
    run_jobs(translator, plan([str(s) for s in sources[:20]], out, translator), Options())
    run_jobs(translator, plan([str(s) for s in sources[:20]], out, translator), Options())
    begun = time.perf_counter()
    failures = run_jobs(translator, plan([str(s) for s in sources], out, translator), Options())
    seconds = time.perf_counter() - begun
    with zipfile.ZipFile(its.out / "translated.zip", "w") as archive:
        for path in sorted(out.glob("*.jpg")):
            archive.write(path, path.name)
    return {
        "files": len(sources),
        "seconds": seconds,
        "milliseconds_a_file": seconds * 1000 / len(sources),
        "start_up_seconds": begun - start,
        "shapes_captured": len(translator._passes._captured),
        "failures": failures,
        "archive_mib": (its.out / "translated.zip").stat().st_size / 2**20,
    }


def scores(its):
    """L1, PSNR and SSIM over all validation pairs; KID where a feature network was given."""
    translator = Translator.load(its.work / "run" / "model.safetensors")
    header = translator.header
    pairs = _validation(its)
    outputs, targets, found = _translated(translator.generator, pairs, header.config, header.mode, its)
    found |= {"images": header.provenance.images_seen, "pairs": len(pairs)}
    if its.features:
        found |= kid(features(targets, its.features), features(outputs, its.features))
    return found


def _validation(its):
    splits = find_pairs([its.pairs], "right").splits
    return splits.get("val") or splits["train"][:10]


def _translated(network, pairs, config, mode, its):
    """What a generator makes of pairs' sources, the targets, and the mean measures."""
    store = open_store(pairs, config.data.size, find_reading(pairs, config))
    sums, outputs, targets = {}, [], []
    for batch in in_order(store, 8):
        batch = batch.to(its.device)
        output = translate_batch(network, batch, mode)
        for name, values in measure(output, batch.target).items():
            sums[name] = sums.get(name, 0.0) + float(values.sum())
        outputs.append(output.cpu())
        targets.append(batch.target.cpu())
    means = {name: total / len(store) for name, total in sums.items()}
    return torch.cat(outputs), torch.cat(targets), means
