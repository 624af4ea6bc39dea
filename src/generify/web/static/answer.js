// Shows one answer: fills the page's template, plays the song where the browser still has it.

import { dance } from "./bars.js";
import { clock, hueClass, label, percent, plural, setHue } from "./format.js";
import { watchTables } from "./tables.js";
import { showTimeline } from "./timeline.js";

const template = document.getElementById("answer-template");
const shareTemplate = document.getElementById("share-template");
const shown = new WeakMap();  // container -> how to put its answer away

function shareRow(text, share, hue) {
  const row = shareTemplate.content.firstElementChild.cloneNode(true);
  row.classList.add(hue);
  row.querySelector("[data-part=text]").textContent = text;
  row.querySelector(".fill").style.width = `${Math.max(0.4, share * 100)}%`;
  row.querySelector(".share").textContent = percent(share);
  return row;
}

// The genres that come nearest to an unknown song, in words.
function nearest(genres) {
  const [first, second] = genres.filter((g, place) => !place || g.probability >= 0.01);
  return second ? `${label(first.genre)}, then ${label(second.genre)}` : label(first.genre);
}

function fillHead(article, prediction) {
  const { unknown, model, genres } = prediction;
  article.querySelector(".name").textContent = prediction.path;
  const heading = article.querySelector(".genre");
  heading.textContent = unknown ? "Unknown" : label(prediction.genre);
  if (!unknown) setHue(heading, model, prediction.genre);
  const others = genres.slice(1, 3).filter((g) => g.probability >= 0.01);
  const then = others.map((g) => `${label(g.genre)} ${percent(g.probability)}`).join(", ");
  article.querySelector(".sure").textContent = unknown
    ? `Nearest: ${nearest(genres)}`
    : `${percent(prediction.confidence)} sure${then ? `, then ${then}` : ""}`;
}

// What was odd about the file itself: the last warning tells of the doubt, where there is one.
export const remarks = ({ doubt = "", warnings = [] }) => (doubt ? warnings.slice(0, -1) : warnings);

function fillNotes(article, prediction) {
  const { unknown, genres, doubt = "" } = prediction;
  article.querySelector(".unknown").hidden = !unknown;
  article.querySelector(".why").textContent = doubt ? `${label(doubt)}.` : "The model is not sure enough of any of its genres.";
  article.querySelector(".known").textContent = `The model was trained on ${plural(genres.length, "genre")} and knows no other music. `
    + "The nearest of them is no answer: Generify would rather say nothing than guess.";
  const rest = remarks(prediction);
  const part = article.querySelector(".warnings");
  part.hidden = !rest.length;
  part.querySelector("ul").replaceChildren(...rest.map((text) => Object.assign(document.createElement("li"), { textContent: label(text) })));
}

function fillFacts(article, prediction) {
  const parts = [`Model ${prediction.model} ${prediction.model_version ?? ""}`.trim(), `song of ${clock(prediction.duration)}`];
  if (prediction.analysed !== undefined) parts.push(`${clock(prediction.analysed)} of it heard`);
  const facts = article.querySelector(".facts");
  facts.textContent = `${parts.join(", ")}. `;
  if (prediction.links?.self) facts.append(Object.assign(document.createElement("a"), { href: prediction.links.self, textContent: "The answer as JSON" }));
}

function fillShares(article, { unknown, model, genres, styles = [] }) {
  // The shares always make up a whole: those of an unknown song would look like a sure answer.
  const shares = article.querySelector(".genres");
  shares.closest("section").hidden = unknown;
  shares.replaceChildren(...genres.map((g) => shareRow(label(g.genre), g.probability, hueClass(model, g.genre))));
  const list = article.querySelector(".styles");
  list.replaceChildren(...styles.map((s) => shareRow(label(s.style), s.score, "plain-share")));
  list.closest("section").hidden = !styles.length;
}

function startPlayer(article, file, signal) {
  const player = article.querySelector(".player");
  const audio = article.querySelector("audio");
  player.hidden = !file;
  if (!file) return null;
  const address = URL.createObjectURL(file);
  signal.addEventListener("abort", () => {
    audio.pause();
    audio.removeAttribute("src");
    URL.revokeObjectURL(address);
  });
  audio.addEventListener("error", () => {
    audio.hidden = true;
    article.querySelector(".unplayable").hidden = false;
  }, { signal });
  dance(audio);
  audio.src = address;
  return audio;
}

export function clearAnswer(container) {
  shown.get(container)?.abort();
  shown.delete(container);
  container.replaceChildren();
}

// Puts an answer into a container; file is the song itself, or null where it is gone.
export function showAnswer(container, prediction, file = null) {
  clearAnswer(container);
  const away = new AbortController();
  shown.set(container, away);
  const article = template.content.firstElementChild.cloneNode(true);
  article.setAttribute("aria-label", `Answer for ${prediction.path}`);
  const audio = startPlayer(article, file, away.signal);
  fillHead(article, prediction);
  fillNotes(article, prediction);
  fillShares(article, prediction);
  fillFacts(article, prediction);
  container.append(article);
  const moments = article.querySelector(".moments");
  moments.hidden = !prediction.timeline?.length;
  if (!moments.hidden) showTimeline(moments, prediction, audio, away.signal);
  watchTables(article);
  return article;
}
