// The last songs on the first page.

import { ask } from "./api.js";
import { label, percent, setHue } from "./format.js";

const part = document.querySelector("[data-recent]");

function row(item) {
  const element = document.createElement("li");
  const [dot, genre] = ["dot", "share"].map((className) => Object.assign(document.createElement("span"), { className }));
  const name = Object.assign(document.createElement("a"), { className: "name", href: `/history?${new URLSearchParams({ name: item.path })}` });
  setHue(element, item.model, item.genre);
  name.textContent = item.path;
  genre.textContent = item.unknown ? "Unknown" : `${label(item.genre)} ${percent(item.confidence)}`;
  element.append(dot, name, genre);
  return element;
}

function note(text) {
  return Object.assign(document.createElement("p"), { className: "faint", textContent: text });
}

async function load() {
  try {
    const { items } = await ask("predictions?limit=5");
    const list = Object.assign(document.createElement("ul"), { className: "plain last-songs" });
    list.append(...items.map(row));
    part.replaceChildren(items.length ? list : note("No song yet. The first one you drop will stand here."));
  } catch (problem) {
    part.replaceChildren(note([problem.message, problem.hint].filter(Boolean).join(" ")));
  }
}

if (part) {
  document.addEventListener("answered", load);
  load();
}
