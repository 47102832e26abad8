"use strict";
// Runs before the first paint, so that a page that was switched to dark does not flash.
(() => {
  document.documentElement.dataset.loading = ""; // without scripts nothing is
  // Browsers load no modules from the disk, so main.js cannot report this.
  if (location.protocol === "file:") document.documentElement.dataset.disk = "";
  try {
    const place = "pix2pix " + new URL(".", location.href).pathname;
    const { theme } = JSON.parse(localStorage.getItem(place) ?? "{}");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch {
    // No storage: the system's theme holds.
  }
})();
