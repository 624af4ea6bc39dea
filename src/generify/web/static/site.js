// What every page does: the switch between light and dark, and a sign where a table goes on.

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

// A table wider than the screen fades where it goes on.
const mark = (box) => box.classList.toggle("goes-on", box.scrollWidth - box.clientWidth - box.scrollLeft > 4);
const resized = new ResizeObserver((changes) => { for (const { target } of changes) mark(target); });
for (const box of document.querySelectorAll(".scroll")) {
  resized.observe(box);
  box.addEventListener("scroll", () => mark(box), { passive: true });
}
