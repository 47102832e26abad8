"""How fast an exported page translates in Chromium, and whether drawing stays smooth meanwhile.

    python benchmarks/in_page.py [--runtime DIR|TGZ] [--precision fp16] [--px 256]

Needs Chromium, Playwright, and npm unless the runtime is given. Two networks that have learned
nothing, of width 32 and 64, are exported and served from this machine without the headers
that allow threads. `network` and `whole` are medians of ten translations after two: of the network
alone, and from the canvas to the picture. `longest task` is the main thread's, while rectangles are
drawn by the mouse and the result follows; `frames` is how many were painted in a second then.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from pix2pix.config import Config
from pix2pix.export.web import export_web
from pix2pix.model_file import Header, ImageContract, Provenance, save_model, versions
from pix2pix.networks import build_generator
from pix2pix.pictures.contract import LabelClass, PictureContract
from pix2pix.pictures.palette_file import load_palette

WIDTHS = (32, 64)
WARM_UP, RUNS, DRAWN = 2, 10, 12
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)
TRANSLATE = """
async ([number, count]) => {
  const { createTranslator } = await import(new URL("./model/local.js", location).href);
  const { models } = await (await fetch("models.json")).json();
  const card = models[number];
  const translator = createTranslator(card);
  const begun = performance.now();
  await translator.prepare(() => {});
  const ready = performance.now() - begun;
  const canvas = new OffscreenCanvas(card.size_px[1], card.size_px[0]);
  const context = canvas.getContext("2d");
  const { signal } = new AbortController();
  const runs = [];
  for (let run = 0; run < count; run++) {
    context.fillStyle = card.palette[run % card.palette.length].colour;
    context.fillRect(10 * run, 5 * run, 100, 60);
    const started = performance.now();
    const request = { seed: 0, sample: run, mode: "paper", signal };
    const { milliseconds } = await translator.translate(canvas, request);
    runs.push([milliseconds, performance.now() - started]);
  }
  translator.close();
  return { ready, runs, bytes: card.network.bytes };
}
"""
WATCH = """
() => {
  const seen = (window.seen = { tasks: [], frames: [] });
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.tasks.push(duration);
  });
  observer.observe({ entryTypes: ["longtask"] });
  const frame = (now) => (seen.frames.push(now), requestAnimationFrame(frame));
  requestAnimationFrame(frame);
}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", type=Path)
    parser.add_argument("--precision", default="fp16")
    parser.add_argument("--px", type=int, default=256)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = [untrained(Path(folder) / f"width-{width}", width, options.px) for width in WIDTHS]
        site = Path(folder) / "site"
        export_web(models, site, precision=options.precision, runtime=options.runtime)
        server = serve(site)
        try:
            rows = measure(f"http://127.0.0.1:{server.server_address[1]}/")
        finally:
            server.shutdown()
    show(rows, options.precision, options.px)


def untrained(folder: Path, width: int, size_px: int) -> Path:
    """A model file of labels with fresh weights."""
    config = Config.load(None, [f"data.size_px={size_px}", f"model.width={width}"])
    config = config.with_channels(3, 3)
    facades = load_palette("facades")
    classes = tuple(
        LabelClass(name=name, colour=colour)
        for name, colour in zip(facades.names, facades.colours, strict=True)
    )
    image = ImageContract(
        source=PictureContract(classes=classes), target=PictureContract(), layout="two folders", half="left"
    )
    provenance = Provenance(images_seen=0, pairs=0, data_digest="", scores={}, versions=versions())
    torch.manual_seed(0)
    header = Header(config=config, image=image, mode="paper", provenance=provenance)
    save_model(folder / "model.safetensors", build_generator(config), header)
    return folder


SimpleHTTPRequestHandler.log_message = lambda *_: None  # type: ignore[method-assign]


def serve(site: Path) -> ThreadingHTTPServer:
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def measure(address: str) -> list[dict[str, Any]]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    rows = []
    with sync_playwright() as driver:
        for number, width in enumerate(WIDTHS):
            # A browser each, so that none has what another fetched.
            browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{address}runtime.json")  # a page in which nothing else goes on
            alone = page.evaluate(TRANSLATE, [number, WARM_UP + RUNS])
            page.goto(address)
            rows.append({"width": width, **alone, **draw(page, number)})
            browser.close()
    return rows


def draw(page: Any, number: int) -> dict[str, Any]:
    """Rectangles on the page itself, as a hand draws them, for some seconds."""
    if page.locator("#model").is_enabled():
        page.click("#model")
        page.click(f".gallery button >> nth={number}")
    box = page.locator("#drawing").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()  # an empty sheet is not translated
    page.mouse.move(box["x"] + 50, box["y"] + 50, steps=5)
    page.mouse.up()
    page.wait_for_function("document.getElementById('time').textContent", timeout=60_000)
    page.evaluate(WATCH)
    for drawn in range(DRAWN):
        left, top = box["x"] + 10 + 15 * drawn, box["y"] + 10 + 10 * drawn
        page.mouse.move(left, top)
        page.mouse.down()
        for step in range(1, 21):
            page.mouse.move(left + 8 * step, top + 6 * step)
            page.wait_for_timeout(16)
        page.mouse.up()
    seen: dict[str, Any] = page.evaluate("window.seen")
    return seen


def show(rows: list[dict[str, Any]], precision: str, size_px: int) -> None:
    print(f"{size_px} px, {precision}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print("| width | download | ready | network | whole | frames | longest task |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        network, whole = (statistics.median(run[i] for run in row["runs"][WARM_UP:]) for i in (0, 1))
        frames = row["frames"]
        rate = 1000 * (len(frames) - 1) / (frames[-1] - frames[0])
        longest = f"{max(row['tasks']):.0f} ms" if row["tasks"] else "under 50 ms"
        print(
            f"| {row['width']} | {row['bytes'] / 1e6:.1f} MB | {row['ready'] / 1000:.1f} s | "
            f"{network:.0f} ms | {whole:.0f} ms | {rate:.0f} a second | {longest} |"
        )


if __name__ == "__main__":
    main()
