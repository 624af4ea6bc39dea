// The history: search, look at, export and delete what was asked before.

import { clearAnswer, showAnswer } from "./answer.js";
import { ask } from "./api.js";
import { genreChart } from "./chart.js";
import { label, percent, plural, setHue } from "./format.js";

const PAGE = 20;
const find = (selector) => document.querySelector(selector);
const [form, body, said, problemBox] = [find("[data-filters]"), find("[data-list] tbody"), find("[data-said]"), find("[data-problem]")];
const [details, askAll] = [find("[data-details]"), find("[data-ask]")];
const rowTemplate = document.getElementById("row-template");
let offset = 0;
let latest = 0;
let counted = [];

function filters() {
  const values = new URLSearchParams();
  const [name, genre] = [form.elements.name.value.trim(), form.elements.genre.value];
  if (name) values.set("name", name);
  if (genre === "unknown") values.set("unknown", "true");
  else if (genre) {
    const cut = genre.indexOf("/");
    values.set("model", genre.slice(0, cut));
    values.set("genre", genre.slice(cut + 1));
  }
  return values;
}

function complain(problem) {
  problemBox.hidden = !problem;
  problemBox.textContent = problem ? [problem.message, problem.hint].filter(Boolean).join(" ") : "";
  if (problem) said.textContent = "";
}

async function open(item) {
  try {
    const prediction = await ask(item.links.self);
    details.showModal();
    showAnswer(details.querySelector("[data-answer]"), prediction);
  } catch (problem) { complain(problem); }
}

async function remove(item, row) {
  try {
    await ask(item.links.self, { method: "DELETE" });
  } catch (problem) {
    if (problem.status !== 404) { complain(problem); return; }
  }
  const place = [...body.children].indexOf(row);
  await load();
  said.textContent = `${item.path} is deleted. ${said.textContent}`;
  const next = body.children[Math.min(place, body.children.length - 1)];
  (next?.querySelector(".delete") ?? form.elements.name).focus();
}

function makeRow(item) {
  const row = rowTemplate.content.firstElementChild.cloneNode(true);
  const when = new Date(item.when);
  row.querySelector(".open").textContent = item.path;
  row.querySelector(".genre").textContent = item.unknown ? "Unknown" : label(item.genre);
  setHue(row.querySelector(".genre-cell"), item.model, item.genre);
  row.querySelector(".sure").textContent = item.unknown ? "–" : percent(item.confidence);
  row.querySelector(".model").textContent = label(item.model);
  row.querySelector("time").dateTime = item.when;
  row.querySelector("time").textContent = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const [openButton, deleteButton] = [row.querySelector(".open"), row.querySelector(".delete")];
  deleteButton.setAttribute("aria-label", `Delete ${item.path}`);
  openButton.addEventListener("click", () => open(item));
  deleteButton.addEventListener("click", () => remove(item, row));
  return row;
}

function showList({ items, total }, nSongs) {
  body.replaceChildren(...items.map(makeRow));
  if (!items.length) {
    const row = body.insertRow();
    const cell = row.insertCell();
    cell.colSpan = 6;
    cell.className = "empty";
    cell.textContent = filters().size ? "No song was found like this." : "No song yet. Those you ask about will stand here.";
  }
  // A song that was asked about twice, or of two models, has two answers.
  const songs = plural(nSongs, "song");
  if (total > PAGE) said.textContent = `Answers ${offset + 1} to ${offset + items.length} of ${total}, ${songs}.`;
  else said.textContent = nSongs === total ? `${songs}.` : `${songs}, ${plural(total, "answer")}.`;
  find("[data-pager]").hidden = total <= PAGE;
  find("[data-newer]").disabled = offset === 0;
  find("[data-older]").disabled = offset + items.length >= total;
}

function showCharts() {
  const genres = counted;
  const models = [...new Set(genres.map((g) => g.model))];
  const charts = models.map((model) => genreChart(model, genres.filter((g) => g.model === model), Math.min(460, find("[data-charts]").clientWidth - 56)));
  const nothing = Object.assign(document.createElement("p"), { className: "faint", textContent: "Nothing to count yet." });
  find("[data-charts]").replaceChildren(...(charts.length ? charts : [nothing]));
}

function linkExports(query) {
  for (const link of document.querySelectorAll("[data-export]")) {
    const values = new URLSearchParams(query);
    values.set("format", link.dataset.export);
    link.href = `/api/v1/predictions/export?${values}`;
  }
}

async function load() {
  latest += 1;
  const mine = latest;
  const query = filters();
  linkExports(query);
  const page = new URLSearchParams(query);
  page.set("limit", PAGE);
  page.set("offset", offset);
  try {
    const [list, counts] = await Promise.all([ask(`predictions?${page}`), ask(`predictions/statistics?${query}`)]);
    if (mine !== latest) return;
    if (!list.items.length && offset > 0) { offset = Math.max(0, offset - PAGE); await load(); return; }
    complain(null);
    showList(list, counts.n_songs);
    counted = counts.genres;
    showCharts();
  } catch (problem) { if (mine === latest) complain(problem); }
}

function search() {
  offset = 0;
  const kept = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  window.history.replaceState(null, "", kept.size ? `?${kept}` : location.pathname);
  return load();
}

function turn(by) {
  offset = Math.max(0, offset + by);
  load().then(() => find("[data-list]").scrollIntoView({ block: "nearest" }));
}

addEventListener("resize", showCharts);
let timer = 0;
form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
form.elements.name.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 250); });
form.elements.genre.addEventListener("change", search);
find("[data-newer]").addEventListener("click", () => turn(-PAGE));
find("[data-older]").addEventListener("click", () => turn(PAGE));
find("[data-delete-all]").addEventListener("click", () => askAll.showModal());
askAll.addEventListener("close", async () => {
  if (askAll.returnValue !== "yes") return;
  askAll.returnValue = "";
  try {
    const { removed } = await ask("predictions", { method: "DELETE" });
    await load();
    said.textContent = `${plural(removed, "answer")} deleted.`;
  } catch (problem) { complain(problem); }
});
details.addEventListener("close", () => clearAnswer(details.querySelector("[data-answer]")));

for (const [name, value] of new URLSearchParams(location.search)) {
  const field = form.elements[name];
  if (field) field.value = value;
}
load();
