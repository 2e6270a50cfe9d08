// The tab Move: a face walks over valence and arousal, and a sentence is written again.

import { AXES, announce, checkbox, element, field, newId, signed, withCode } from "./dom.js";
import { createCircumplex } from "./circumplex.js";
import { emotionEllipses, form, request } from "./service.js";
import { createTask } from "./tasks.js";
import { resultTable } from "./table.js";

const WAIT = 60; // milliseconds after the last move of a slider
const GRID = 5;
const FRAMES = 24;
const PACE = 120; // milliseconds of a frame
const PATHS = { circle: "around the circle", valence: "valence, from low to high", arousal: "arousal, from low to high" };
const SENTENCE = "We talked about the new school.";

let pause = () => {}; // of the animation

export const left = () => pause();

export async function start(panel) {
  const emotions = await emotionEllipses();
  const face = element("section", { class: "stack", "aria-labelledby": "move-face" }, element("h2", { id: "move-face" }, "A face"));
  const sentence = element("section", { class: "stack apart", "aria-labelledby": "move-sentence" }, element("h2", { id: "move-sentence" }, "A sentence"));
  panel.append(face, sentence);
  await Promise.all([
    faces(face, emotions).catch((error) => face.append(element("p", { class: "error", role: "alert" }, error.message))),
    sentences(sentence, emotions).catch((error) => sentence.append(element("p", { class: "error", role: "alert" }, error.message))),
  ]);
}

// A slider with its value beside it. Returns {element, input, value(), set(number)}.
function slider(label, { from = -1, to = 1, value = 0, low, high, onchange = () => {} }) {
  const output = element("output", { class: "value" });
  const input = element("input", { type: "range", min: from, max: to, step: 0.05, value, id: newId("slider") });
  output.setAttribute("for", input.id);
  const tell = () => {
    output.textContent = signed(Number(input.value));
    input.setAttribute("aria-valuetext", `${label} ${signed(Number(input.value))}`);
  };
  input.addEventListener("input", () => { tell(); onchange(); });
  tell();
  return {
    input,
    element: element("div", { class: "slider" }, element("div", { class: "row between" }, element("label", { for: input.id }, label), output), input,
      element("div", { class: "row between hint", "aria-hidden": "true" }, element("span", {}, low), element("span", {}, high))),
    value: () => Number(input.value),
    set: (number) => { input.value = String(number); tell(); },
  };
}

const WORDS = { valence: ["unpleasant", "pleasant"], arousal: ["calm", "excited"], dominance: ["controlled", "in control"] };
const axisSlider = (axis, options) => slider(axis[0].toUpperCase() + axis.slice(1), { low: WORDS[axis][0], high: WORDS[axis][1], ...options });

const readingText = (reading) => (reading ? `V\u00a0${signed(reading.valence)}, A\u00a0${signed(reading.arousal)}` : "not read");
const readingLine = (reading) => reading && element("span", { class: "block" }, `read: ${readingText(reading)}`);
const estimate = (values) => Object.fromEntries(AXES.map((axis) => [axis, typeof values?.[axis] === "number" ? { mean: values[axis] } : undefined]));

// ---------------------------------------------------------------- faces

async function faces(section, emotions) {
  const task = createTask();
  section.append(task.element);
  const offered = await task.run("Opening the model of faces", (signal) => request("/v1/walk", { signal }));
  if (!offered) return;
  let source = offered.faces.length ? { face: offered.faces[0].name } : null; // fields of the request that name the face
  let view = "one";
  let running = null; // controller of the last quick request
  let timer = 0;
  let frames = [];
  let frame = 0;
  let playing = 0;

  const valence = axisSlider("valence", { value: 0.5, onchange: later });
  const arousal = axisSlider("arousal", { value: 0.3, onchange: later });
  const difference = element("input", { onchange: () => update() });
  const upload = element("input", { type: "file", accept: "image/*" });
  const model = element("select", { onchange: () => { if (source) update(); } }, offered.models.map((name) => element("option", { value: name }, name)));
  const shown = element("div", { class: "walked" });
  const notes = element("div", { class: "stack" });
  const map = createCircumplex({ emotions, onpick: (v, a) => { valence.set(v.toFixed(2)); arousal.set(a.toFixed(2)); update(); } });
  const path = element("select", { onchange: () => update() }, offered.paths.map((name) => element("option", { value: name }, PATHS[name] ?? name)));
  const pathField = field("Path of the animation", path);
  const views = { one: "One picture", grid: `${GRID} × ${GRID} grid`, film: "Animation" };
  const buttons = Object.entries(views).map(([name, text]) => element("button", { type: "button", "aria-pressed": String(name === view), onclick: () => choose(name) }, text));

  const people = element("div", { class: "people", role: "radiogroup", "aria-label": "Example faces" }, offered.faces.map((one, place) => {
    const radio = element("input", { type: "radio", name: "face", value: one.name, checked: place === 0, onchange: () => { source = { face: one.name }; upload.value = ""; update(); } });
    return element("label", { class: "person" }, radio, element("img", { src: one.image, alt: `Example face ${place + 1}`, width: 64, height: 64 }));
  }));

  upload.addEventListener("change", async () => {
    if (!upload.files.length) return;
    for (const radio of people.querySelectorAll("input")) radio.checked = false;
    source = { file: upload.files[0] };
    await update();
  });

  section.append(element("p", { class: "lead" }, offered.notes[0]),
    ...offered.notes.slice(1).map((text) => element("p", { class: "note" }, withCode(text))),
    element("div", { class: "columns" },
      element("div", { class: "stack" }, people, field("Or a picture of a face", upload, "The model that ships knows drawn faces only. A photograph becomes a drawn face that resembles it."),
        offered.models.length > 1 && field("Model", model), valence.element, arousal.element, checkbox("Show what changes", difference, "Red: brighter than without a walk. Blue: darker. White: unchanged."),
        pathField),
      element("div", { class: "card stack" }, element("div", { class: "row", role: "group", "aria-label": "What is shown" }, buttons), notes,
        element("div", { class: "pair even" }, shown, map.element))));

  function choose(name) {
    view = name;
    for (const [place, key] of Object.keys(views).entries()) buttons[place].setAttribute("aria-pressed", String(key === name));
    pathField.hidden = name !== "film";
    valence.element.hidden = name !== "one";
    arousal.element.hidden = name !== "one";
    update();
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(update, WAIT);
  }

  // Ask for pictures; a later request replaces an earlier one.
  async function update() {
    clearTimeout(timer);
    pause();
    if (!source) return;
    running?.abort();
    const own = new AbortController();
    running = own;
    const asked = view === "one" ? { valence: valence.value(), arousal: arousal.value() } : view === "grid" ? { grid: GRID } : { path: path.value, frames: FRAMES };
    const body = form({ ...source, ...asked, model: model.value, difference: String(difference.checked) });
    shown.setAttribute("aria-busy", "true");
    try {
      const answer = await request("/v1/walk", { body, signal: own.signal });
      if (running !== own) return;
      task.clear();
      // the picture, cut to the face, is what later requests send: it is small, and need not be cut again
      if (source.file && !source.crop) {
        source = { file: new File([await (await fetch(answer.face.image)).blob()], "face.png", { type: "image/png" }), crop: "middle", notes: answer.notes };
      }
      show(answer);
    } catch (error) {
      if (error.name === "AbortError" || running !== own) return;
      shown.replaceChildren();
      notes.replaceChildren();
      map.show([]);
      task.fail(error.message);
    } finally {
      if (running === own) shown.removeAttribute("aria-busy");
    }
  }

  const image = (source_, alt) => element("img", { src: source_, alt });
  const pictureOf = (entry) => (difference.checked && entry.difference ? entry.difference : entry.image);
  const titleOf = (entry) => `asked: V ${entry.valence === null ? "as it is" : signed(entry.valence)}, A ${entry.arousal === null ? "as it is" : signed(entry.arousal)}`;
  const altOf = (entry) => `The face, asked for ${titleOf(entry).slice(7)}; read as ${readingText(entry.reading)}`;

  function figure(entry, label = titleOf(entry)) {
    return element("figure", { class: entry.reached === false ? "missed" : null }, image(pictureOf(entry), altOf(entry)),
      element("figcaption", {}, label, readingLine(entry.reading)));
  }

  function show(answer) {
    const remarks = [...new Set([...(source.notes ?? []), ...answer.notes])];
    notes.replaceChildren(...remarks.map((text) => element("p", { class: "note" }, withCode(text))));
    const first = { kind: "start", name: "the face as it is", ...estimate(answer.face.reading) };
    if (view === "one") {
      const [entry] = answer.pictures;
      shown.className = "walked two";
      shown.replaceChildren(
        element("figure", {}, image(answer.face.image, "The face as it is"), element("figcaption", {}, "as it is", readingLine(answer.face.reading))),
        element("figure", {}, image(answer.reconstruction.image, "The face as the model shows it without a walk"), element("figcaption", {}, "as the model shows it")),
        figure(entry));
      map.show([first, { kind: "target", name: "asked", ...estimate({ valence: entry.valence, arousal: entry.arousal }) },
        ...(entry.reading ? [{ kind: "video", name: "read in the picture", ...estimate(entry.reading) }] : [])]);
    } else if (view === "grid") {
      shown.className = "walked grid";
      shown.replaceChildren(element("table", { class: "faces" }, element("caption", {}, "Valence grows to the right, arousal upwards. Below each face: what an independent network reads."),
        element("tbody", {}, Array.from({ length: GRID }, (_, row) => element("tr", {}, Array.from({ length: GRID }, (_, column) => {
          const entry = answer.pictures[row * GRID + column];
          return element("td", { class: entry.reached === false ? "missed" : null }, image(pictureOf(entry), altOf(entry)), element("span", {}, entry.reading ? `${signed(entry.reading.valence, 1)} ${signed(entry.reading.arousal, 1)}` : ""));
        }))))));
      map.show([first, ...answer.pictures.filter((entry) => entry.reading).map((entry) => ({ kind: "video", group: "read in the pictures", name: titleOf(entry), ...estimate(entry.reading) }))]);
    } else {
      film(answer, first);
    }
  }

  function film(answer, first) {
    frames = answer.pictures;
    frame = 0;
    const picture = element("img", {});
    const caption = element("figcaption", {});
    const place = element("input", { type: "range", min: 0, max: frames.length - 1, step: 1, value: 0, "aria-label": "Frame" });
    const play = element("button", { type: "button", class: "main" });
    const trail = frames.filter((entry) => entry.reading).map((entry) => entry.reading);

    function draw() {
      const entry = frames[frame];
      picture.src = pictureOf(entry);
      picture.alt = altOf(entry);
      caption.replaceChildren(titleOf(entry), ...[readingLine(entry.reading)].filter(Boolean));
      place.value = String(frame);
      place.setAttribute("aria-valuetext", `frame ${frame + 1} of ${frames.length}, ${titleOf(entry)}`);
      map.show([first, { kind: "target", name: "asked", ...estimate({ valence: entry.valence, arousal: entry.arousal }) },
        ...(entry.reading ? [{ kind: "video", name: "read in the picture", ...estimate(entry.reading) }] : [])], { trail: trail.slice(0, frame + 1) });
    }

    pause = () => { clearInterval(playing); playing = 0; play.textContent = "Play"; };
    const run = () => { playing = setInterval(() => { frame = (frame + 1) % frames.length; draw(); }, PACE); play.textContent = "Pause"; };
    play.addEventListener("click", () => (playing ? pause() : run()));
    place.addEventListener("input", () => { pause(); frame = Number(place.value); draw(); });
    shown.className = "walked film";
    shown.replaceChildren(element("figure", {}, picture, caption), element("div", { class: "row" }, play, place));
    draw();
    pause();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) run();
  }

  pathField.hidden = true;
  if (source) await update();
}

// ---------------------------------------------------------------- sentences

async function sentences(section, emotions) {
  const offered = await request("/v1/steer");
  const task = createTask();
  const text = element("textarea", { rows: 3, maxlength: offered.longest_text }, SENTENCE);
  const axes = AXES.map((axis) => {
    const one = axisSlider(axis, { value: axis === "valence" ? 0.8 : 0 });
    const use = element("input", { checked: axis === "valence", onchange: () => { one.element.hidden = !use.checked; } });
    one.element.hidden = !use.checked;
    return { axis, value: () => (use.checked ? one.value() : null), element: element("div", {}, checkbox(`Change ${axis}`, use), one.element) };
  });
  const count = element("input", { type: "number", min: 1, max: offered.most_candidates, value: 6, required: true });
  const seed = element("input", { type: "number", min: 0, step: 1, value: 0, required: true });
  const writer = element("select", {}, offered.writers.map((one) => element("option", { value: one.name }, one.title)));
  const result = element("div", { class: "stack" });
  const map = createCircumplex({ emotions });

  function empty() {
    result.replaceChildren(element("p", { class: "hint" }, "The candidates appear here."));
    map.show([]);
  }

  async function rewrite(event) {
    event.preventDefault();
    const targets = Object.fromEntries(axes.map((one) => [one.axis, one.value()]));
    const body = { text: text.value, ...targets, candidates: Number(count.value), seed: Number(seed.value), writer: writer.value };
    const answer = await task.run("Writing", (signal) => request("/v1/steer", { body, signal }), { after: "The candidates are there." });
    if (answer) show(answer);
    else empty();
  }

  function show(answer) {
    const { original, candidates } = answer;
    const best = candidates.find((one) => one.chosen);
    const columns = [
      { key: "text", label: "Text", shown: (value, row) => [row.chosen ? element("strong", {}, value) : value, row.mark && element("span", { class: "badge" }, row.mark)] },
      ...AXES.map((axis) => ({ key: axis, label: axis[0].toUpperCase() + axis.slice(1), number: true, shown: (value) => signed(value) })),
      { key: "lexicon", label: "Lexicon's valence", number: true, shown: (value) => signed(value) },
      { key: "content", label: "Content kept", number: true, shown: (value) => (value === null ? "–" : value.toFixed(2)) },
    ];
    const line = (one, mark) => ({ text: one.text, chosen: one.chosen, mark, ...one.encoder, lexicon: one.lexicon, content: one.content ?? null });
    const rows = [line(original, "original"), ...[...candidates].sort((one, other) => other.chosen - one.chosen).map((one) => line(one, one.chosen ? "chosen" : null))];
    map.show([{ kind: "start", name: "original", ...estimate(original.encoder) }, { kind: "target", name: "target, as it is read", ...estimate(answer.aim) },
      ...candidates.filter((one) => !one.chosen).map((one) => ({ kind: "text", group: "other candidates", name: one.text, ...estimate(one.encoder) })),
      { kind: "fused", name: "chosen", ...estimate(best.encoder) }]);
    const aims = AXES.filter((axis) => typeof answer.aim[axis] === "number").map((axis) => `${axis} ${signed(answer.target[axis])} as ${signed(answer.aim[axis])}`);
    result.replaceChildren(
      element("blockquote", {}, element("p", { class: "before" }, original.text), element("p", { class: "after" }, best.text)),
      ...answer.notes.map((note) => element("p", { class: "note" }, withCode(note))),
      resultTable({ caption: "What each candidate reached", columns, rows, file: "candidates.csv", csvColumns: columns.map(({ key }) => ({ key })) }),
      element("p", { class: "hint" }, `Valence, arousal and dominance are what the text model of affectspace reads. It reads sentences more mildly than people rate them: ${aims.join(", ")}. This reading is the target on the map, and the chosen candidate is the nearest to it. Axes that you do not change count a little, and lost content counts against a candidate. The lexicon had no part in the choice.`));
    announce(`Chosen: ${best.text}`);
  }

  empty();
  section.append(
    element("p", { class: "lead" }, "A small language model writes the sentence again, several times. It runs on this computer, and it makes mistakes: read before you use a text."),
    element("div", { class: "columns" },
      element("form", { class: "stack", onsubmit: rewrite }, field("Sentence", text), axes.map((one) => one.element),
        element("details", {}, element("summary", {}, "More"), element("div", { class: "stack" }, field("Number of candidates", count), field("Random seed", seed, "The same seed gives the same texts."),
          field("Who writes", writer, "A projector that you have trained with configs/steering.yaml appears here."))),
        element("button", { type: "submit", class: "main" }, "Write it again"), task.element),
      element("div", { class: "stack" }, element("div", { class: "card half" }, map.element), result)));
}
