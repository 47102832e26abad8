"""From a stroke to its picture on a served page in Chromium, and whether drawing stays smooth meanwhile.

    python benchmarks/stroke.py [MODEL] [--strokes 30]

Needs Chromium and Playwright. MODEL is served from this machine (without one: that of the package). The
time is from the release of the mouse to the frame that shows another result, which the last point of
the stroke began; `frames` and `longest task` are those of in_page.py.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

from in_page import FLAGS, WATCH

PORT = 8967
# Resolves when the canvas of results shows something else than before; at once where that is nothing.
NEXT = """
(before) => new Promise((done) => {
  const canvas = document.getElementById("result");
  const shown = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum = (31 * sum + data[i]) | 0;
    return sum;
  };
  const look = () => (shown() === before ? requestAnimationFrame(look) : done(shown()));
  look();
})
"""


def draw(page, strokes):
    """Return the milliseconds of each stroke, the frames and the long tasks."""
    box = page.locator("#stage").bounding_box()

    def spot(x, y):
        return box["x"] + box["width"] * x, box["y"] + box["height"] * y

    page.evaluate(WATCH)
    took = []
    for number in range(strokes):
        left, top = 0.1 + 0.13 * (number % 6), 0.1 + 0.13 * (number // 6 % 6)
        page.mouse.move(*spot(left, top))
        page.mouse.down()
        for step in range(1, 13):
            page.mouse.move(*spot(left + 0.008 * step, top + 0.008 * step))
            page.wait_for_timeout(16)
        page.wait_for_timeout(400)  # what was live has come
        page.mouse.move(*spot(left + 0.11, top + 0.11))
        shown = page.evaluate(NEXT, None)
        began = time.perf_counter()
        page.mouse.move(*spot(left + 0.12, top + 0.12))
        page.mouse.up()
        page.evaluate(NEXT, shown)
        took.append(1000 * (time.perf_counter() - began))
        page.wait_for_timeout(200)
    return took, page.evaluate("window.seen")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="*")
    parser.add_argument("--strokes", type=int, default=30)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "pix2pix", "serve", *options.model, "--port", str(PORT)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            for _ in range(60):
                time.sleep(1)
                try:
                    page.goto(f"http://127.0.0.1:{PORT}/")
                    break
                except Exception:
                    continue
            page.wait_for_timeout(3000)
            took, seen = draw(page, options.strokes)
    finally:
        server.terminate()
        server.wait()
    frames = seen["frames"]
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {len(took)} strokes")
    print(f"stroke to picture: median {statistics.median(took):.0f} ms, longest {max(took):.0f} ms")
    print(f"frames: {1000 * (len(frames) - 1) / (frames[-1] - frames[0]):.0f} a second")
    print("longest task: " + (f"{max(seen['tasks']):.0f} ms" if seen["tasks"] else "under 50 ms"))


if __name__ == "__main__":
    main()
