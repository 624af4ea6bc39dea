// The rainbow bars: still pictures until a song plays, then its spectrum.

const N_BINS = 4096;
const LOWEST = 45;  // Hz
const HIGHEST = 14000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const sources = new WeakMap();
let context = null;

// Once an audio element feeds an AudioContext it always does, so there is one source an element.
function analyserOf(audio) {
  context ??= new AudioContext();
  context.resume();
  if (!sources.has(audio)) {
    const analyser = new AnalyserNode(context, { fftSize: N_BINS, smoothingTimeConstant: 0.75, minDecibels: -85, maxDecibels: -15 });
    context.createMediaElementSource(audio).connect(analyser).connect(context.destination);
    sources.set(audio, analyser);
  }
  return sources.get(audio);
}

function bandEdges(nBars, sampleRate) {
  const toBin = (hertz) => (hertz / sampleRate) * N_BINS;
  return Array.from({ length: nBars + 1 }, (_, bar) => toBin(LOWEST * (HIGHEST / LOWEST) ** (bar / nBars)));
}

function bandLevel(spectrum, from, to) {
  const [first, last] = [Math.floor(from), Math.max(Math.floor(from) + 1, Math.ceil(to))];
  let level = 0;
  for (let bin = first; bin < last; bin += 1) level = Math.max(level, spectrum[bin] ?? 0);
  return level / 255;
}

function inView(element) {
  const box = element.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight;
}

// Lets all bars on the page move to an audio element while it plays.
export function dance(audio) {
  let frame = 0;
  const rest = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    for (const picture of document.querySelectorAll("[data-bars]")) {
      picture.classList.remove("playing");
      for (const rect of picture.querySelectorAll("rect")) rect.style.removeProperty("transform");
    }
  };
  const start = () => {
    const analyser = analyserOf(audio);
    if (calm.matches || frame) return;
    const pictures = [...document.querySelectorAll("[data-bars]")].map((picture) => {
      picture.classList.add("playing");
      return { picture, rects: [...picture.querySelectorAll("rect")].map((rect) => ({ rect, still: Number(rect.getAttribute("height")) })) };
    });
    const spectrum = new Uint8Array(analyser.frequencyBinCount);
    const edges = bandEdges(pictures[0]?.rects.length ?? 1, context.sampleRate);
    const draw = () => {
      analyser.getByteFrequencyData(spectrum);
      for (const { picture, rects } of pictures) {
        if (!inView(picture)) continue;
        rects.forEach(({ rect, still }, bar) => {
          const level = bandLevel(spectrum, edges[bar], edges[bar + 1]);
          rect.style.transform = `scaleY(${(3 + 95 * level ** 1.4) / still})`;
        });
      }
      frame = requestAnimationFrame(draw);
    };
    draw();
  };
  audio.addEventListener("playing", start);
  for (const event of ["pause", "ended", "emptied"]) audio.addEventListener(event, rest);
}
