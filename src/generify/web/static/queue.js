// Songs that wait for their answers: a few at a time are sent, the rest wait their turn here.

import { Problem, predict } from "./api.js";

const AT_ONCE = 2;

export class Queue {
  // onChange gets an entry whenever it has changed, onDone once it has an answer or a problem.
  constructor({ onChange, onDone }) {
    this.entries = [];
    this.onChange = onChange;
    this.onDone = onDone;
  }

  add(file, name, model) {
    const entry = { file, name, model, state: "waiting", words: "Waiting", share: 0, prediction: null, problem: null, away: null };
    this.entries.push(entry);
    this.onChange(entry);
    this.#next();
    return entry;
  }

  again(entry) {
    Object.assign(entry, { state: "waiting", words: "Waiting", share: 0, problem: null });
    this.onChange(entry);
    this.#next();
  }

  remove(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    entry.away?.abort();
    this.#next();
  }

  count(state) {
    return this.entries.filter((entry) => entry.state === state).length;
  }

  #next() {
    while (this.count("running") < AT_ONCE) {
      const entry = this.entries.find((other) => other.state === "waiting");
      if (!entry) return;
      this.#run(entry);
    }
  }

  async #run(entry) {
    entry.state = "running";
    entry.away = new AbortController();
    const onState = (words, share) => { Object.assign(entry, { words, share }); this.onChange(entry); };
    try {
      entry.prediction = await predict(entry.file, entry.name, entry.model, { signal: entry.away.signal, onState });
      entry.state = "done";
    } catch (error) {
      if (error.name === "AbortError") return;
      entry.problem = error instanceof Problem ? error : new Problem({ detail: "Something went wrong on this page.", hint: "Load it again." });
      entry.state = "failed";
    }
    this.onChange(entry);
    this.onDone(entry);
    this.#next();
  }
}
