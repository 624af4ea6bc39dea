// A bar chart as SVG: how often each genre was answered.

import { hueClass, label, plural } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const [ROW, NAMES, NUMBERS] = [30, 124, 48];  // pixels

function make(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// room in pixels; there may be less than names and numbers need, even none.
export function genreChart(model, genres, room) {
  const width = Math.max(room, NAMES + NUMBERS);
  const height = genres.length * ROW;
  const most = Math.max(...genres.map((g) => g.n_predictions), 1);
  const words = genres.map((g) => `${label(g.genre ?? "unknown")} ${g.n_predictions}`).join(", ");
  const chart = make("svg", { width, height, class: "chart", role: "img", "aria-label": `${label(model)}: ${words}` });
  const longest = width - NAMES - NUMBERS;
  genres.forEach((g, place) => {
    const middle = place * ROW + ROW / 2;
    chart.append(
      make("text", { x: 0, y: middle + 4.5 }, label(g.genre ?? "unknown")),
      make("rect", { x: NAMES, y: middle - 9, width: Math.max(2, (longest * g.n_predictions) / most), height: 18, rx: 4, class: hueClass(model, g.genre) }),
      make("text", { x: NAMES + Math.max(2, (longest * g.n_predictions) / most) + 8, y: middle + 4.5, class: "value" }, String(g.n_predictions)),
    );
  });
  const card = Object.assign(document.createElement("figure"), { className: "card" });
  const total = genres.reduce((sum, g) => sum + g.n_predictions, 0);
  const caption = Object.assign(document.createElement("figcaption"), { textContent: `${label(model)}: ${plural(total, "answer")}` });
  card.append(chart, caption);
  return card;
}
