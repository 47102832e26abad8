"use strict";
// Before the first paint, so that a page which was switched to dark does not flash.
(() => {
  // Browsers load no modules from the disk: main.js cannot say so.
  if (location.protocol === "file:") document.documentElement.dataset.disk = "";
  try {
    const place = "pix2pix " + new URL(".", location.href).pathname;
    const { theme } = JSON.parse(localStorage.getItem(place) ?? "{}");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch {
    // Nothing is remembered: the system's choice holds.
  }
})();
