// What every page does: the switch between light and dark, and a sign where a table goes on.

import { watchTables } from "./tables.js";

const button = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
const show = () => button.setAttribute("aria-pressed", String(isDark()));

button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* then it lasts as long as the page */ }
  show();
  document.dispatchEvent(new Event("themechange"));
});
dark.addEventListener("change", show);
show();

watchTables(document);
