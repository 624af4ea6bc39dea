// The part of a page that takes songs: drop, choose or record them, follow the queue, see answers.

import { clearAnswer, remarks, showAnswer } from "./answer.js";
import { answerText, clock, plural, setHue } from "./format.js";
import { Queue } from "./queue.js";
import { canRecord, record, whyNot } from "./recorder.js";

const part = document.querySelector("[data-listen]");
const find = (selector) => part.querySelector(selector);
const [form, chooser, list] = [find("form"), find("input[type=file]"), find("[data-queue]")];
const [answer, said, count] = [find("[data-answer]"), find("[data-said]"), find("[data-count]")];
const rowTemplate = document.getElementById("queue-template");
const rows = new Map();
let current = null;

const say = (text) => { said.textContent = text; };
const reason = ({ problem }) => [problem.message, problem.hint].filter(Boolean).join(" – ");

const chosenModel = () => new FormData(form).get("model");

function show(entry, { follow = false, scroll = true } = {}) {
  current = entry;
  const article = showAnswer(answer, entry.prediction, entry.file);
  for (const [other, row] of rows) row.element.classList.toggle("shown", other === entry);
  if (follow) article.focus({ preventScroll: true });
  if (!scroll) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  article.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

// The first of the list is opened, not whichever is heard first; what failed has nothing to show.
function openFirst(how) {
  const first = queue.entries.find((other) => other.state !== "failed");
  if (!current && first?.prediction) show(first, how);
}

function remove(entry) {
  const next = rows.get(entry).element.nextElementSibling ?? rows.get(entry).element.previousElementSibling;
  rows.get(entry).element.remove();
  rows.delete(entry);
  queue.remove(entry);
  if (current === entry) { clearAnswer(answer); current = null; }
  (next?.querySelector(".remove") ?? find("[data-choose]")).focus();
  summarise();
}

function makeRow(entry) {
  const element = rowTemplate.content.firstElementChild.cloneNode(true);
  const inside = (name) => element.querySelector(name);
  const row = { element, state: inside(".state"), progress: inside("progress"), show: inside(".show"), again: inside(".again") };
  inside(".name").textContent = entry.name;
  inside(".name").title = entry.name;
  row.progress.setAttribute("aria-label", `Progress of ${entry.name}`);
  for (const [button, words] of [[row.show, "Show"], [row.again, "Try again:"], [inside(".remove"), "Remove"]]) {
    button.setAttribute("aria-label", `${words} ${entry.name}`);
  }
  row.show.addEventListener("click", () => show(entry, { follow: true }));
  row.again.addEventListener("click", () => queue.again(entry));
  inside(".remove").addEventListener("click", () => { remove(entry); openFirst({ scroll: false }); });
  rows.set(entry, row);
  list.append(element);
  return row;
}

function summarise() {
  const failed = queue.count("failed");
  find("[data-queue-part]").hidden = !queue.entries.length;
  count.textContent = `${queue.count("done")} of ${plural(queue.entries.length, "song")} done${failed ? `, ${failed} failed` : ""}`;
}

function refresh(entry) {
  const row = rows.get(entry) ?? makeRow(entry);
  const { state, prediction } = entry;
  row.state.classList.toggle("bad", state === "failed");
  row.state.textContent = state === "done" ? answerText(prediction) + (remarks(prediction).length ? ", with a warning" : "")
    : state === "failed" ? reason(entry)
    : `${entry.words} …`;
  row.progress.hidden = state === "done" || state === "failed";
  if (entry.share === null) row.progress.removeAttribute("value");
  else row.progress.value = entry.share;
  row.show.hidden = state !== "done";
  row.again.hidden = state !== "failed";
  if (state === "done" && !prediction.unknown) setHue(row.element, prediction.model, prediction.genre);
  summarise();
}

function finish(entry) {
  const outcome = entry.prediction ? answerText(entry.prediction) : entry.problem.message;
  say(`${entry.name}: ${outcome}. ${count.textContent}.`);
  openFirst();
  if (entry.prediction) document.dispatchEvent(new Event("answered"));
}

const queue = new Queue({ onChange: refresh, onDone: finish });

function add(files) {
  if (!files.length) return;
  const model = chosenModel();
  for (const file of files) queue.add(file, file.name, model);
  say(`${plural(files.length, "song")} added.`);
}

// A folder that is dropped stands for the songs in it.
async function filesIn(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => { entry.file(resolve, reject); })];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!batch.length) return found;
    for (const child of batch) if (!child.name.startsWith(".")) found.push(...await filesIn(child));
  }
}

async function droppedFiles(transfer) {
  const plain = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  return (await Promise.all(entries.map(filesIn))).flat();
}

function wireDrop() {
  let depth = 0;
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = () => form.classList.toggle("over", depth > 0);
  // The whole window takes songs, so that a miss does not make the browser leave the page.
  addEventListener("dragenter", (event) => { if (holdsFiles(event)) { depth += 1; mark(); } });
  addEventListener("dragleave", (event) => { if (holdsFiles(event)) { depth = Math.max(0, depth - 1); mark(); } });
  addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
  addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark();
    add(await droppedFiles(event.dataTransfer));
  });
}

function wireChooser() {
  chooser.multiple = true;
  find("[data-choose]").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => { add([...chooser.files]); chooser.value = ""; });
  form.addEventListener("submit", (event) => event.preventDefault());
}

function wireRecorder() {
  const [begin, panel, level, time] = [find("[data-record]"), find("[data-recorder]"), find("meter"), find("[data-clock]")];
  let recording = null;
  const end = (file) => {
    recording = null;
    panel.hidden = true;
    begin.disabled = false;
    begin.focus();
    if (file) add([file]);
    else say("Recording cancelled.");
  };
  begin.disabled = !canRecord();
  find("[data-insecure]").hidden = window.isSecureContext;
  begin.addEventListener("click", async () => {
    begin.disabled = true;
    try {
      recording = await record({
        onTick: (seconds, loudness) => { time.textContent = clock(seconds); level.value = loudness; },
        onDone: end,
      });
      panel.hidden = false;
      find("[data-stop]").focus();
      say("Recording.");
    } catch (error) {
      begin.disabled = false;
      find("[data-no-microphone]").textContent = whyNot(error);
      find("[data-no-microphone]").hidden = false;
    }
  });
  find("[data-stop]").addEventListener("click", () => recording?.stop());
  find("[data-cancel]").addEventListener("click", () => recording?.cancel());
}

find("[data-clear]").addEventListener("click", () => {
  for (const entry of [...rows.keys()]) remove(entry);
  say("The list is empty.");
});
wireDrop();
wireChooser();
wireRecorder();
