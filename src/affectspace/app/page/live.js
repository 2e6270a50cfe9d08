// The tab Live: microphone and camera in windows of two seconds. Nothing is kept; windows are dropped where the service is slower.

import { announce, checkbox, element, fixed, withCode } from "./dom.js";
import { createCircumplex } from "./circumplex.js";
import { loudness, openCamera, openMicrophone, wavOf } from "./capture.js";
import { inWords, pointsOf } from "./readings.js";
import { emotionEllipses, form, request } from "./service.js";

const SECONDS = 2; // of a window
const SILENCE = 0.003; // loudness below which nothing is heard
const TRAIL = 12; // points behind the point
const FAILURES = 3; // in a row that stop it
const SPOKEN = 10; // seconds between two announcements to screen readers

let stop = () => {};

// The prediction without what was read from a picture without a face; null where nothing is left.
function usable(prediction) {
  if (prediction.face_found !== false) return prediction;
  const { audio } = prediction.by_modality;
  return audio ? { ...audio, by_modality: { audio }, probabilities: {}, notes: prediction.notes } : null;
}

const isHere = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);

export function start(panel) {
  const useVoice = element("input", { checked: true });
  const useFace = element("input", { checked: true });
  const begin = element("button", { type: "button", class: "main" }, "Start");
  const end = element("button", { type: "button", disabled: true }, "Stop");
  const problem = element("p", { class: "error", role: "alert", hidden: true });
  const video = element("video", { class: "preview", "aria-label": "Picture of your camera", hidden: true });
  const level = element("span", { class: "level wide", "aria-hidden": "true" }, element("span", {}));
  const voiceState = element("dd", {}, "off");
  const faceState = element("dd", {}, "off");
  const speedState = element("dd", {}, "–");
  const map = createCircumplex({ emotions: emotionEllipses() });
  const finding = element("p", { class: "finding" }, "Press Start. The point moves every two seconds.");
  const notes = element("ul", { class: "note notes", hidden: true });
  const licence = element("p", { class: "hint" });
  map.show([]);

  let session = null; // of one press of Start
  let presses = 0; // of Start and Stop, so that devices that open after a stop are closed again

  function fail(message) {
    problem.textContent = message;
    problem.hidden = false;
  }

  stop = (reason = "Stopped.") => {
    presses += 1;
    if (!session) return;
    const ended = session;
    session = null;
    clearInterval(ended.timer);
    ended.controller.abort();
    ended.microphone?.close();
    ended.camera?.close();
    video.hidden = true;
    level.firstChild.style.width = "0";
    voiceState.textContent = "off";
    faceState.textContent = "off";
    begin.disabled = false;
    end.disabled = true;
    useVoice.disabled = useFace.disabled = false;
    finding.textContent = reason;
    announce(reason);
  };

  // The sound and the picture of the window that ends now; a silent sound is left out.
  async function inputsOf(current) {
    const files = [];
    if (current.microphone) {
      const { rate } = current.microphone;
      const samples = current.microphone.take().slice(-SECONDS * rate);
      const heard = samples.length >= 0.5 * rate && loudness(samples) > SILENCE;
      current.heard = heard;
      if (!heard) voiceState.textContent = "silence: nothing to hear";
      if (heard) files.push(new File([wavOf(samples, rate)], "voice.wav", { type: "audio/wav" }));
    }
    const picture = await current.camera?.photograph();
    if (picture) files.push(new File([picture], "face.jpg", { type: "image/jpeg" }));
    return files;
  }

  function show(current, answer) {
    const [whole] = answer.predictions;
    const prediction = usable(whole);
    if (current.camera) faceState.textContent = whole.face_found ? "a face is seen" : "no face to see: come nearer, face the camera, turn on a light";
    if (current.heard) voiceState.textContent = whole.by_modality.audio ? "a voice is heard" : "a sound is heard, but the voice model does not know such sounds";
    const remarks = whole.face_found === false ? [] : whole.notes; // without a face, they are about a picture that does not count
    notes.replaceChildren(...remarks.map((note) => element("li", {}, withCode(note))));
    notes.hidden = remarks.length === 0;
    licence.textContent = `Licence of the predictions: ${whole.licence}.`;
    if (!prediction) {
      finding.textContent = "There is neither a voice nor a face in this window, so the point stays.";
      return;
    }
    map.show(pointsOf(prediction), { trail: [...current.trail, { valence: prediction.valence.mean, arousal: prediction.arousal.mean }] });
    current.trail = [...current.trail, { valence: prediction.valence.mean, arousal: prediction.arousal.mean }].slice(-TRAIL);
    finding.textContent = inWords(prediction);
    if (performance.now() - current.spoken > 1000 * SPOKEN) {
      current.spoken = performance.now();
      announce(finding.textContent);
    }
  }

  async function readWindow(current) {
    if (current.busy) { current.dropped += 1; current.microphone?.take(); return; }
    current.busy = true;
    try {
      const files = await inputsOf(current);
      if (!files.length) {
        if (!current.camera) finding.textContent = "Silence: the point stays until something is heard.";
        return;
      }
      const began = performance.now();
      const body = form({ files, together: "true" });
      const answer = await request("/v1/predict", { body, signal: current.controller.signal });
      if (session !== current) return;
      current.failures = 0;
      const seconds = (performance.now() - began) / 1000;
      speedState.textContent = `${fixed(seconds, 1)} s for the last answer; ${current.dropped} ${current.dropped === 1 ? "window" : "windows"} dropped while waiting`;
      show(current, answer);
    } catch (error) {
      if (session !== current) return;
      current.failures += 1;
      fail(error.message);
      if (current.failures >= FAILURES) stop("Stopped after three windows without an answer.");
    } finally {
      current.busy = false;
    }
  }

  begin.addEventListener("click", async () => {
    problem.hidden = true;
    if (!useVoice.checked && !useFace.checked) { fail("Choose the microphone, the camera, or both."); return; }
    const current = { controller: new AbortController(), trail: [], dropped: 0, failures: 0, spoken: -1e9, busy: false };
    const own = ++presses;
    const closeAll = () => { current.microphone?.close(); current.camera?.close(); video.hidden = true; begin.disabled = false; };
    begin.disabled = true;
    try {
      if (useVoice.checked) current.microphone = await openMicrophone({ onlevel: (value) => { level.firstChild.style.width = `${Math.min(100, 350 * value)}%`; } });
      if (useFace.checked && own === presses) { video.hidden = false; current.camera = await openCamera(video); }
    } catch (error) {
      closeAll();
      fail(error.message);
      return;
    }
    if (own !== presses) { closeAll(); return; }
    session = current;
    useVoice.disabled = useFace.disabled = true;
    end.disabled = false;
    end.focus();
    voiceState.textContent = current.microphone ? "listening" : "off";
    faceState.textContent = current.camera ? "looking" : "off";
    speedState.textContent = "waiting for the first answer; at the first use the models are loaded";
    finding.textContent = "The first window is read.";
    announce("Live reading has started.");
    current.timer = setInterval(() => readWindow(current), 1000 * SECONDS);
  });
  end.addEventListener("click", () => { stop(); begin.focus(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop("Stopped, because the page was out of sight."); });

  panel.append(element("div", { class: "columns" },
    element("div", { class: "stack card" },
      checkbox("Microphone", useVoice, "Reads the sound of the voice, not the words."),
      checkbox("Camera", useFace, "Reads one picture of each window."),
      element("div", { class: "row" }, begin, end), problem, video, level,
      element("dl", { class: "states" },
        element("dt", {}, "Voice"), voiceState, element("dt", {}, "Face"), faceState, element("dt", {}, "Speed"), speedState),
      element("p", { class: "note" },
        `Each window of two seconds goes to ${isHere ? "the service on this computer" : `the service at ${location.host}`} and is forgotten after the answer. Nothing is recorded or kept.`)),
    element("div", { class: "stack" }, finding, element("div", { class: "card live-map" }, map.element), notes, licence,
      element("p", { class: "hint" }, "The point is an impression of two seconds, and often wrong. Trust the ellipse more than the point. It cannot know why you look or sound so, or what you feel."))));
}

// Another tab is shown: close microphone and camera.
export function left() {
  stop();
}
