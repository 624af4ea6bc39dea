// Recording with the microphone, as little treated as the browser allows: what helps speech hurts music.

const LONGEST = 60;  // seconds
const FORMATS = [["audio/webm;codecs=opus", "webm"], ["audio/ogg;codecs=opus", "ogg"], ["audio/mp4", "m4a"]];

export const canRecord = () => Boolean(window.isSecureContext && navigator.mediaDevices?.getUserMedia && window.MediaRecorder);

export function whyNot(error) {
  if (error?.name === "NotAllowedError") return "The browser may not use the microphone. Allow it in the browser’s address bar and try again.";
  if (error?.name === "NotFoundError") return "There is no microphone.";
  return "The microphone cannot be used; another program may hold it.";
}

// Starts recording; gives {stop, cancel}. onTick gets (seconds, level 0 to 1), onDone a File.
export async function record({ onTick, onDone }) {
  const treat = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: treat });
  const [type, extension] = FORMATS.find(([name]) => MediaRecorder.isTypeSupported(name)) ?? ["", "webm"];
  const recorder = new MediaRecorder(stream, type ? { mimeType: type, audioBitsPerSecond: 128000 } : {});
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const parts = [];
  let wanted = true;
  const began = performance.now();

  const tick = () => {
    analyser.getFloatTimeDomainData(samples);
    const seconds = (performance.now() - began) / 1000;
    onTick(seconds, Math.min(1, samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)));
    if (seconds >= LONGEST && recorder.state === "recording") recorder.stop();
  };
  const timer = setInterval(tick, 100);
  recorder.addEventListener("dataavailable", (event) => { if (event.data.size) parts.push(event.data); });
  recorder.addEventListener("stop", () => {
    clearInterval(timer);
    for (const track of stream.getTracks()) track.stop();
    context.close();
    const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
    onDone(wanted ? new File(parts, `recording ${time}.${extension}`, { type: recorder.mimeType }) : null);
  });
  recorder.start(1000);
  const end = (keep) => { wanted = keep; if (recorder.state !== "inactive") recorder.stop(); };
  return { stop: () => end(true), cancel: () => end(false) };
}
