"use strict";
// The page is whole without this script, which adds charts, steps through previews, and loads data.js again
// while training runs.
let previews = [];
let chosen = null; // the name of a preview; null follows the newest

const slider = document.getElementById("preview-slider");
const [older, newer] = document.querySelectorAll(".steps button");

function showPreview() {
  if (!slider || !previews.length) return;
  const newest = previews.length - 1;
  const index = chosen && previews.includes(chosen) ? previews.indexOf(chosen) : newest;
  const seen = parseInt(previews[index], 10).toLocaleString("en") + " images";
  const picture = document.getElementById("preview");
  const address = "previews/" + previews[index];
  if (picture.getAttribute("src") !== address) picture.src = picture.parentElement.href = address;
  document.getElementById("preview-images").textContent = seen;
  slider.parentElement.hidden = newest === 0;
  slider.max = newest;
  slider.value = index;
  slider.setAttribute("aria-valuetext", seen);
  older.disabled = index === 0;
  newer.disabled = index === newest;
}

function choosePreview(index) {
  chosen = index < previews.length - 1 ? previews[Math.max(index, 0)] : null;
  showPreview();
}

if (slider) {
  slider.addEventListener("input", () => choosePreview(Number(slider.value)));
  older.addEventListener("click", () => choosePreview(Number(slider.value) - 1));
  newer.addEventListener("click", () => choosePreview(Number(slider.value) + 1));
}

let loaded = false;

// data.js calls this, when the page opens and each time it is loaded again.
function showRun(run) {
  const charts = [...document.querySelectorAll(".plot")].map((place) => place.id);
  const same = run.figures.length === charts.length && run.figures.every(({ id }) => charts.includes(id));
  if (loaded && !(same && Boolean(slider) === run.previews.length > 0)) return location.reload();
  loaded = true;
  for (const [id, html] of Object.entries(run.parts)) document.getElementById(id).innerHTML = html;
  const written = document.querySelector("time");
  const minutes = Math.floor((Date.now() - Date.parse(written.dateTime)) / 60000);
  if (run.state === "training" && minutes >= 2) {
    written.textContent += `, ${minutes.toLocaleString("en")} minutes ago`;
  }
  previews = run.previews;
  showPreview();
  if (charts.length) drawCharts(run.figures);
  if (run.state === "training") setTimeout(loadData, run.refreshSeconds * 1000);
  return undefined;
}

function loadData() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", loadData, { once: true });
    return;
  }
  const script = document.createElement("script");
  script.src = "data.js?" + Date.now(); // another address, or the browser takes its copy
  script.onload = () => script.remove();
  script.onerror = () => { script.remove(); setTimeout(loadData, 10000); };
  document.body.append(script);
}
