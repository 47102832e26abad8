"use strict";
// The page is whole without this script, which adds stepping through previews, reading values off
// the curves, and a refresh that waits while somebody is using the page.
(() => {
  // The browser refuses storage to some pages opened from disk: then nothing is remembered.
  const key = "pix2pix-preview:" + location.pathname;
  const recall = () => { try { return sessionStorage.getItem(key); } catch { return null; } };
  const remember = (name) => { try { sessionStorage.setItem(key, name); } catch { /* see above */ } };

  const slider = document.getElementById("preview-slider");
  if (slider) {
    const names = JSON.parse(slider.dataset.names);
    const picture = document.getElementById("preview");
    const [back, forward] = slider.parentElement.querySelectorAll("button");
    const newest = names.length - 1;
    const show = (index) => {
      const seen = parseInt(names[index], 10).toLocaleString("en") + " images";
      slider.value = index;
      slider.setAttribute("aria-valuetext", seen);
      picture.src = picture.parentElement.href = "previews/" + names[index];
      picture.alt = picture.dataset.alt.replace("{}", seen);
      document.getElementById("preview-images").textContent = seen;
      back.disabled = index === 0;
      forward.disabled = index === newest;
      // Whoever looks at the newest wants the next newest after a refresh.
      remember(index === newest ? "" : names[index]);
    };
    slider.addEventListener("input", () => show(Number(slider.value)));
    back.addEventListener("click", () => show(Math.max(0, Number(slider.value) - 1)));
    forward.addEventListener("click", () => show(Math.min(newest, Number(slider.value) + 1)));
    slider.parentElement.hidden = newest === 0;
    const chosen = names.indexOf(recall());
    show(chosen < 0 ? newest : chosen);
  }

  const compact = (images) => {
    const [size, letter] = images >= 1e6 ? [1e6, "M"] : images >= 1e3 ? [1e3, "k"] : [1, ""];
    return Number((images / size).toPrecision(4)) + letter;
  };
  for (const chart of document.querySelectorAll(".chart > svg")) {
    const plot = chart.querySelector(".plot");
    const [width, height] = [plot.width.baseVal.value, plot.height.baseVal.value];
    const [low, high, last] = ["low", "high", "last"].map((name) => Number(chart.dataset[name]));
    const values = chart.parentElement.querySelectorAll(".now b");
    const where = chart.parentElement.querySelector(".where");
    const texts = [...values, where].map((element) => element.textContent);
    const lines = [...chart.querySelectorAll(".line")].map((line) => [...line.points]);
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
    cursor.setAttribute("class", "cursor");
    plot.append(cursor);
    const nearest = (points, x) =>
      points.reduce((best, point) => (Math.abs(point.x - x) < Math.abs(best.x - x) ? point : best));
    chart.addEventListener("pointermove", (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
      const found = lines.map((points) => (points.length ? nearest(points, at.x) : null));
      found.forEach((point, index) => {
        if (point) values[index].textContent = (high - (point.y / height) * (high - low)).toPrecision(3);
      });
      const first = found.find(Boolean);
      if (!first) return;
      where.textContent = "at " + compact((first.x / width) * last);
      cursor.setAttribute("d", `M${first.x} 0v${height}`);
    });
    chart.addEventListener("pointerleave", () => {
      [...values, where].forEach((element, index) => { element.textContent = texts[index]; });
      cursor.removeAttribute("d");
    });
  }

  const refresh = document.querySelector('meta[name="refresh-seconds"]');
  if (refresh) {
    const written = document.querySelector("time");
    const minutes = written ? Math.floor((Date.now() - Date.parse(written.dateTime)) / 60000) : 0;
    if (minutes >= 2) written.textContent += `, ${minutes.toLocaleString("en")} minutes ago`;
    const opened = Date.now();
    let used = 0;
    for (const type of ["pointermove", "pointerdown", "keydown", "scroll"]) {
      addEventListener(type, () => { used = Date.now(); }, { passive: true, capture: true });
    }
    setInterval(() => {
      const due = Date.now() - opened >= refresh.content * 1000;
      if (due && !document.hidden && Date.now() - used > 2000) location.reload();
    }, 1000);
  }
})();
