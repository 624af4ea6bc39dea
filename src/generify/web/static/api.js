// Talking to the server: answers as JSON, errors as Problem with a sentence for people.

import { label } from "./format.js";

const ROOT = "/api/v1";

export class Problem extends Error {
  constructor({ why, detail, title, hint, status = 0, type = "" }, retryAfter = null) {
    super(label(why || detail || title || "The server gave no reason."));
    this.hint = hint || "";
    this.status = status;
    this.type = type;
    this.retryAfter = retryAfter;
  }
}

const unreachable = () =>
  new Problem({ detail: "The server cannot be reached.", hint: "Check the connection and try again." });

function problemFrom(status, text, retryAfter) {
  let body = {};
  try { body = JSON.parse(text); } catch { /* a proxy's own page */ }
  if (!body || typeof body !== "object" || !(body.detail || body.title)) {
    body = { detail: status === 413 ? "The song is too large for this server." : `The server answered with error ${status}.` };
  }
  return new Problem({ ...body, status }, retryAfter);
}

export async function ask(path, { method = "GET", signal } = {}) {
  let response;
  try {
    response = await fetch(path.startsWith("/") ? path : `${ROOT}/${path}`, { method, signal, headers: { Accept: "application/json" } });
  } catch (error) {
    throw error.name === "AbortError" ? error : unreachable();
  }
  const text = await response.text();
  if (!response.ok) throw problemFrom(response.status, text, Number(response.headers.get("Retry-After")) || null);
  return text ? JSON.parse(text) : null;
}

const aborted = () => new DOMException("aborted", "AbortError");

// XMLHttpRequest, because fetch does not tell how much has been sent.
function upload(file, name, model, { signal, onSent }) {
  const form = new FormData();
  form.append("model", model);
  form.append("timeline", "true");
  form.append("file", file, name);
  return new Promise((resolve, reject) => {
    if (signal.aborted) { reject(aborted()); return; }
    const request = new XMLHttpRequest();
    request.open("POST", `${ROOT}/predictions`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Prefer", "respond-async");
    request.upload.onprogress = (event) => { if (event.lengthComputable) onSent(event.loaded / event.total); };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve({ status: request.status, body: JSON.parse(request.responseText) });
      else reject(problemFrom(request.status, request.responseText, Number(request.getResponseHeader("Retry-After")) || null));
    };
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(aborted());
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

function outcome(job) {
  if (job.state === "done") return job.prediction;
  if (job.state === "failed") throw new Problem(job.problem ?? {});
  return null;
}

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(aborted()); }, { once: true });
  });

async function poll(job, { signal, onJob }) {
  for (;;) {
    const now = await ask(job.links.self, { signal });
    onJob(now);
    const prediction = outcome(now);
    if (prediction) return prediction;
    await pause(1000, signal);
  }
}

// Server-sent events; where they break off, the job is asked for again and again instead.
function follow(job, { signal, onJob }) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(job.links.events);
    const finish = (settle, value) => { source.close(); settle(value); };
    const settle = (event) => {
      try { finish(resolve, outcome(JSON.parse(event.data))); } catch (error) { finish(reject, error); }
    };
    source.addEventListener("progress", (event) => onJob(JSON.parse(event.data)));
    source.addEventListener("done", settle);
    source.addEventListener("failed", settle);
    source.onerror = () => { source.close(); poll(job, { signal, onJob }).then(resolve, reject); };
    signal.addEventListener("abort", () => finish(reject, aborted()), { once: true });
  });
}

// Sends a song and waits for its answer. onState gets (words, share of the way or null).
export async function predict(file, name, model, { signal, onState }) {
  for (;;) {
    try {
      onState("Sending", 0);
      const sent = await upload(file, name, model, { signal, onSent: (share) => onState("Sending", share / 2) });
      if (sent.status !== 202) return sent.body;
      const onJob = (job) => {
        if (job.state !== "queued") onState("Listening", 0.5 + job.progress / 2);
        else onState(job.position ? `Waiting for ${job.position} before it` : "Waiting its turn", 0.5);
      };
      onJob(sent.body);
      return await follow(sent.body, { signal, onJob });
    } catch (error) {
      if (!(error instanceof Problem && error.status === 429)) throw error;
      const seconds = Math.min(error.retryAfter ?? 5, 60);
      onState(`The server is busy; trying again in ${seconds} s`, null);
      await pause(seconds * 1000, signal);
    }
  }
}
