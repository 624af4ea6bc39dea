// A table wider than the screen fades where it goes on.

const mark = (box) => box.classList.toggle("goes-on", box.scrollWidth - box.clientWidth - box.scrollLeft > 4);
const resized = new ResizeObserver((changes) => { for (const { target } of changes) mark(target); });

// Watches all tables below an element.
export function watchTables(root) {
  for (const box of root.querySelectorAll(".scroll")) {
    resized.observe(box);
    box.addEventListener("scroll", () => mark(box), { passive: true });
  }
}
