"use strict";
// Draws plotly figures into the elements of their ids, in the colours of the page. Drawing again keeps the
// reader's zoom (uirevision).
let drawn = [];

function drawCharts(figures) {
  drawn = figures;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue("--" + name).trim();
  const axis = {
    gridcolor: colour("rule"), linecolor: colour("rule"), zerolinecolor: colour("rule"),
    automargin: true, nticks: 6,
  };
  for (const { id, title, data, layout } of figures) {
    const place = document.getElementById(id);
    if (!place) continue;
    const traces = data.map((trace) => {
      const line = { ...trace.line, color: colour(trace.meta) };
      const fillcolor = line.color + "1f";
      return { ...trace, line, marker: { size: 5, color: line.color }, ...(trace.fill ? { fillcolor } : {}) };
    });
    const shapes = (layout.shapes || []).map((shape) => ({
      ...shape,
      line: { ...shape.line, color: colour("muted") },
      label: { ...shape.label, font: { color: colour("muted"), size: 11 } },
    }));
    const label = (own) => ({ ...own.title, standoff: 8, font: { size: 11, color: colour("muted") } });
    Plotly.react(place, traces, {
      ...layout,
      shapes,
      xaxis: { ...axis, showgrid: false, exponentformat: "SI", ...layout.xaxis, title: label(layout.xaxis) },
      yaxis: { ...axis, exponentformat: "e", ...layout.yaxis, title: label(layout.yaxis) },
      font: { family: style.getPropertyValue("--sans"), size: 11, color: colour("muted") },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), font: { color: colour("ink") } },
      legend: { orientation: "h", x: 0, y: 1.02, xanchor: "left", yanchor: "bottom", font: { size: 12 } },
      margin: { l: 8, r: 12, t: 30, b: 8 },
      modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: colour("rule"), activecolor: colour("muted") },
      paper_bgcolor: colour("card"),
      plot_bgcolor: colour("card"),
      uirevision: id,
    }, {
      responsive: true,
      displaylogo: false,
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
      toImageButtonOptions: { filename: title, scale: 2 },
    });
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(drawn));
