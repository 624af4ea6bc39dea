// The song from moment to moment: a waveform in the colours of its genres over its spectrogram.
// A click, or the keys of a slider, move to a moment and play it. An unknown song stays grey and has
// no percentages: its moments tell only which genre comes nearest.

import { clock, hueClass, hueColour, label, percent } from "./format.js";

const STEP = 3;  // seconds an arrow key moves

// Neighbouring slots of one genre as one run, long ones counting more; silence between them ends it.
export function runsOf(timeline) {
  const runs = [];
  for (const slot of timeline) {
    const { start, end, genre } = slot;
    const seconds = Math.max(0.001, end - start);
    const last = runs.at(-1);
    if (last && last.genre === genre && start - last.end < 0.01) {
      last.end = end;
      last.sum += slot.probability * seconds;
      last.seconds += seconds;
    } else {
      runs.push({ start, end, genre, sum: slot.probability * seconds, seconds });
    }
  }
  return runs.map(({ start, end, genre, sum, seconds }) => ({ start, end, genre, probability: sum / seconds }));
}

function slotAt(timeline, moment) {
  return timeline.find((slot) => moment >= slot.start && moment < slot.end) ?? null;
}

function drawWave(canvas, { timeline, duration, peaks, model }) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  if (!width || !height) return;
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  const step = Math.max(2, Math.round(3 * scale));
  const colours = new Map([[null, hueColour(canvas, model, null)]]);
  const loudest = Math.max(...(peaks ?? []), 1e-6);
  for (let x = 0; x < width; x += step) {
    const slot = slotAt(timeline, ((x + step / 2) / width) * duration);
    const genre = slot?.genre ?? null;
    if (!colours.has(genre)) colours.set(genre, hueColour(canvas, model, genre));
    const level = peaks ? peakBetween(peaks, x / width, (x + step) / width) / loudest : slot?.probability ?? 0.03;
    const tall = Math.max(scale, level * height * 0.94);
    pen.fillStyle = colours.get(genre);
    pen.fillRect(x, (height - tall) / 2, step - Math.max(1, scale), tall);
  }
}

function peakBetween(peaks, from, to) {
  const first = Math.min(peaks.length - 1, Math.floor(from * peaks.length));
  return Math.max(...peaks.slice(first, Math.max(first + 1, Math.ceil(to * peaks.length))));
}

function fillLegend(list, runs, model) {
  const seconds = new Map();
  for (const run of runs) seconds.set(run.genre, (seconds.get(run.genre) ?? 0) + run.end - run.start);
  list.replaceChildren(...[...seconds].sort((a, b) => b[1] - a[1]).map(([genre, length]) => {
    const chip = document.createElement("li");
    chip.className = `chip ${hueClass(model, genre)}`;
    const dot = document.createElement("span");
    dot.className = "dot";
    chip.append(dot, `${label(genre)} ${clock(length)}`);
    return chip;
  }));
}

function fillTable(body, runs, { unknown, play }) {
  const cell = (text, className = "") => {
    const td = document.createElement("td");
    td.className = className;
    td.append(text);
    return td;
  };
  body.replaceChildren(...runs.map((run) => {
    const row = document.createElement("tr");
    const [genre, share] = unknown ? [`nearest ${label(run.genre)}`, "–"] : [label(run.genre), percent(run.probability)];
    row.append(cell(clock(run.start)), cell(clock(run.end)), cell(genre), cell(share, "number"));
    if (play) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button quiet tiny";
      button.textContent = "Play";
      button.setAttribute("aria-label", `Play from ${clock(run.start)}`);
      button.addEventListener("click", () => play(run.start));
      row.append(cell(button));
    } else {
      row.append(cell(""));
    }
    return row;
  }));
}

// Fills the part of an answer that shows its timeline. audio is null where the song is gone.
export function showTimeline(part, prediction, audio, signal) {
  const { timeline, duration, unknown } = prediction;
  const model = unknown ? null : prediction.model;  // no model, no hues
  const [box, canvas, image, head] = [".timeline", ".wave", ".mel", ".head"].map((name) => part.querySelector(name));
  const readout = part.querySelector(".readout");
  const peaks = prediction.waveform?.peaks ?? null;
  let moment = 0;

  const judged = ({ genre, probability }) => (unknown ? `nearest ${label(genre)}` : `${label(genre)} ${percent(probability)}`);
  const draw = () => drawWave(canvas, { timeline, duration, peaks, model });
  const show = (seconds) => {
    moment = Math.min(duration, Math.max(0, seconds));
    head.style.left = `${(moment / duration) * 100}%`;
    const slot = slotAt(timeline, Math.min(moment, duration - 0.01));
    const text = `${clock(moment)}, ${slot ? judged(slot) : "silence"}`;
    readout.textContent = text;
    box.setAttribute("aria-valuenow", moment.toFixed(1));
    box.setAttribute("aria-valuetext", text);
  };
  // One seek at a time: Chromium hangs for ever when seeks overtake each other.
  let wanted = null;
  const seek = () => {
    if (wanted === null || audio.readyState < 1 || audio.seeking) return;
    audio.currentTime = wanted;
    wanted = null;
  };
  const move = (seconds) => {
    show(seconds);
    wanted = moment;
    if (audio) seek();
  };
  const play = (seconds) => {
    move(seconds);
    audio?.play().catch(() => {});
  };
  const keys = {
    ArrowRight: () => move(moment + STEP), ArrowUp: () => move(moment + STEP),
    ArrowLeft: () => move(moment - STEP), ArrowDown: () => move(moment - STEP),
    PageUp: () => move(moment + 10 * STEP), PageDown: () => move(moment - 10 * STEP),
    Home: () => move(0), End: () => move(duration),
    " ": () => toggle(), Enter: () => toggle(),
  };
  const toggle = () => { if (audio?.paused) play(moment); else audio?.pause(); };

  box.setAttribute("aria-valuemax", duration.toFixed(1));
  box.addEventListener("click", (event) => {
    const { left, width } = box.getBoundingClientRect();
    play(((event.clientX - left) / width) * duration);
  });
  box.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  let frame = 0;
  const track = () => { follow(); frame = requestAnimationFrame(track); };
  const follow = () => { if (wanted === null && !audio.seeking) show(audio.currentTime); };
  const stop = () => { cancelAnimationFrame(frame); frame = 0; follow(); };
  if (audio) {
    audio.addEventListener("playing", () => { if (!frame) track(); }, { signal });
    for (const event of ["pause", "ended"]) audio.addEventListener(event, stop, { signal });
    for (const event of ["loadedmetadata", "seeked"]) audio.addEventListener(event, () => { seek(); follow(); }, { signal });
    signal.addEventListener("abort", () => cancelAnimationFrame(frame));
  }

  if (prediction.spectrogram) {
    image.addEventListener("error", () => { image.hidden = true; }, { signal });
    image.src = prediction.spectrogram.href;
  } else {
    image.hidden = true;
  }
  part.querySelector(".middle").textContent = clock(duration / 2);
  part.querySelector(".end").textContent = clock(duration);
  const runs = runsOf(timeline);
  part.querySelector(".legend").hidden = unknown;
  if (!unknown) fillLegend(part.querySelector(".legend"), runs, model);
  for (const words of part.querySelectorAll(".when-named")) words.hidden = unknown;
  fillTable(part.querySelector("tbody"), runs, { unknown, play: audio ? play : null });
  const observer = new ResizeObserver(draw);
  observer.observe(canvas);
  signal.addEventListener("abort", () => observer.disconnect());
  show(0);
}
