// Where files, recordings and photographs come from: buttons, drop area, and the list of what was chosen.

import { announce, clock, element } from "./dom.js";
import { openCamera, openMicrophone, wavOf } from "./capture.js";

const LONGEST = 300; // seconds of a recording; it stops by itself

// A button that records from the microphone. onfile : called with the WAV file; onproblem : called with a message
export function recordButton({ onfile, onproblem, label = "Record a voice" }) {
  const level = element("span", { class: "level", "aria-hidden": "true" }, element("span", {}));
  const time = element("span", { class: "time" });
  const name = element("span", {}, label);
  const button = element("button", { type: "button", "aria-pressed": "false" }, name, time, level);
  level.hidden = true;
  let microphone = null;
  let timer = null;
  let count = 0;
  let presses = 0; // so that a microphone that opens after a cancel is closed again

  function stop({ keep = true } = {}) {
    presses += 1;
    if (!microphone) return;
    clearInterval(timer);
    const { rate } = microphone;
    const samples = microphone.take();
    microphone.close();
    microphone = null;
    button.setAttribute("aria-pressed", "false");
    name.textContent = label;
    time.textContent = "";
    level.hidden = true;
    if (!keep) return;
    if (samples.length < 0.2 * rate) {
      onproblem("The recording is too short. Speak for at least a second before you stop.");
      return;
    }
    count += 1;
    announce("Recording stopped.");
    onfile(new File([wavOf(samples, rate)], `recording-${count}.wav`, { type: "audio/wav" }));
  }

  button.addEventListener("click", async () => {
    if (microphone) { stop(); return; }
    const own = ++presses;
    button.disabled = true;
    try {
      const opened = await openMicrophone({ onlevel: (value) => { level.firstChild.style.width = `${Math.min(100, 350 * value)}%`; } });
      if (own !== presses) { opened.close(); return; }
      microphone = opened;
    } catch (error) {
      onproblem(error.message);
      return;
    } finally {
      button.disabled = false;
    }
    button.setAttribute("aria-pressed", "true");
    name.textContent = "Stop recording";
    level.hidden = false;
    announce("Recording.");
    timer = setInterval(() => {
      time.textContent = clock(microphone.seconds());
      if (microphone.seconds() > LONGEST) stop();
    }, 200);
  });
  return { element: button, cancel: () => stop({ keep: false }) };
}

// A button that opens the camera, with its picture below. onfile : called with the photograph
export function cameraButton({ onfile, onproblem }) {
  const video = element("video", { class: "preview", "aria-label": "Picture of the camera" });
  const take = element("button", { type: "button", class: "main" }, "Take the photograph");
  const close = element("button", { type: "button" }, "Close the camera");
  const area = element("div", { class: "stack camera", hidden: true }, video, element("div", { class: "row" }, take, close));
  const button = element("button", { type: "button", "aria-expanded": "false" }, "Photograph a face");
  let camera = null;
  let count = 0;
  let presses = 0;

  function stop() {
    presses += 1;
    camera?.close();
    camera = null;
    area.hidden = true;
    button.setAttribute("aria-expanded", "false");
  }

  button.addEventListener("click", async () => {
    if (camera) { stop(); return; }
    const own = ++presses;
    button.disabled = true;
    try {
      area.hidden = false;
      const opened = await openCamera(video);
      if (own !== presses) { opened.close(); return; }
      camera = opened;
      button.setAttribute("aria-expanded", "true");
      take.focus();
    } catch (error) {
      stop();
      onproblem(error.message);
    } finally {
      button.disabled = false;
    }
  });
  take.addEventListener("click", async () => {
    const picture = await camera?.photograph();
    if (!picture) { onproblem("The camera has given no picture yet. Wait a second, then try again."); return; }
    count += 1;
    stop();
    button.focus();
    onfile(new File([picture], `photograph-${count}.jpg`, { type: "image/jpeg" }));
  });
  close.addEventListener("click", () => { stop(); button.focus(); });
  return { element: button, area, cancel: stop };
}

// A button that opens the browser's choice of files. accept : as of <input>; onfiles : called with a list of File
export function fileButton({ label, accept, multiple = false, onfiles }) {
  const input = element("input", { type: "file", accept, multiple, hidden: true });
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) onfiles(files);
  });
  return element("span", {}, element("button", { type: "button", onclick: () => input.click() }, label), input);
}

// Let files be dropped on an element.
export function acceptDrops(target, onfiles) {
  let depth = 0;
  const mark = (change) => { depth = change === 0 ? 0 : depth + change; target.classList.toggle("dropping", depth > 0); };
  target.addEventListener("dragenter", (event) => { event.preventDefault(); mark(1); });
  target.addEventListener("dragover", (event) => event.preventDefault());
  target.addEventListener("dragleave", () => mark(-1));
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    const files = [...event.dataTransfer.files];
    if (files.length) onfiles(files);
  });
}

// Suffixes of tables. A .txt can be a table or a text.
export const TABLES = [".csv", ".tsv", ".xlsx", ".jsonl", ".ndjson", ".json", ".parquet"];

// What a file is to the person: "voice", "face", "clip" or "text".
export function kindOf(file) {
  const kinds = { audio: "voice", image: "face", video: "clip", text: "text" };
  return kinds[file.type.split("/")[0]] ?? "file";
}

// The list of chosen files, each with a preview and a button that removes it. onchange : called after each change
export function fileList({ onchange = () => {} } = {}) {
  const list = element("ul", { class: "files", "aria-label": "Chosen files" });
  const files = [];

  function preview(file) {
    const address = URL.createObjectURL(file);
    const free = () => URL.revokeObjectURL(address);
    if (file.type.startsWith("image/")) return [element("img", { src: address, alt: "", class: "thumb" }), free];
    if (file.type.startsWith("audio/")) return [element("audio", { src: address, controls: true, "aria-label": `Play ${file.name}` }), free];
    if (file.type.startsWith("video/")) {
      return [element("video", { src: address, controls: true, muted: true, class: "thumb wide", "aria-label": `Play ${file.name}` }), free];
    }
    return [null, free];
  }

  function add(file) {
    const [shown, free] = preview(file);
    const remove = element("button", { type: "button", class: "quiet", "aria-label": `Remove ${file.name}` }, "Remove");
    const item = element("li", {}, element("span", { class: "file-name" }, `${kindOf(file)}: ${file.name}`), remove, shown);
    remove.addEventListener("click", () => {
      files.splice(files.indexOf(file), 1);
      item.remove();
      free();
      announce(`${file.name} removed.`);
      onchange();
    });
    files.push(file);
    list.append(item);
    onchange();
  }

  return { element: list, files, add, clear: () => { for (const item of [...list.children]) item.querySelector("button").click(); } };
}
