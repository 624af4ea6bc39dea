// How numbers and names are written, the same everywhere.

export const label = (name) => name.charAt(0).toUpperCase() + name.slice(1);

export function percent(share) {
  if (share >= 0.995) return "> 99 %";
  if (share < 0.01) return "< 1 %";
  const whole = Math.round(share * 100); // cut: 59.7 % must not look like a threshold's 60 %
  return `${whole / 100 > share ? whole - 1 : whole} %`;
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

const hues = JSON.parse(document.body.dataset.models || "{}");

// The class that gives an element its genre's colour.
export function hueClass(model, genre) {
  const hue = hues[model]?.[genre];
  return hue === undefined ? "hue-none" : `hue-${hue}`;
}

export function setHue(element, model, genre) {
  for (const name of [...element.classList]) if (name.startsWith("hue-")) element.classList.remove(name);
  element.classList.add(hueClass(model, genre));
}

// The genre's colour as the element sees it, for a canvas.
export function hueColour(element, model, genre) {
  const hue = hues[model]?.[genre];
  return getComputedStyle(element).getPropertyValue(hue === undefined ? "--none" : `--g${hue}`).trim();
}

export const answerText = (prediction) =>
  prediction.unknown ? "Unknown" : `${label(prediction.genre)}, ${percent(prediction.confidence)} sure`;
