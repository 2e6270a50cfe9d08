// The tab Over time: a recording, a clip or a text as a trajectory, with a cursor through curves, sound, frames and words.

import { announce, bringIntoView, element, field, newId, percent, signed } from "./dom.js";
import { createCircumplex } from "./circumplex.js";
import { acceptDrops, fileButton, fileList, recordButton } from "./inputs.js";
import { inWords, pointsOf, remarks, rowOf } from "./readings.js";
import { emotionEllipses, form, request } from "./service.js";
import { downloadButton, csvOf, resultTable } from "./table.js";
import { createTask } from "./tasks.js";
import { createTimeline, middleOf, rowAt, timeOf } from "./timeline.js";

const TYPES = "audio/*,video/*,.txt,.md,.srt,.vtt,.textgrid,.csv,.tsv,.xlsx,.jsonl";
const EXAMPLE = "We had looked forward to this trip for months. The morning was bright and the road was empty. Everyone was singing. "
  + "Then the engine made a terrible noise. Smoke came out and the children screamed. I was terrified that the car would burn. "
  + "A farmer came running and pulled us away. We sat in the grass and cried. Nobody was hurt. "
  + "His wife brought hot tea and fresh bread. Slowly we became calm again. In the end we laughed about it together.";
const TRAIL = 6; // windows behind the point on the map

let recorder = null;
let halt = () => {};

// What is heard or seen beside the curves; null where the browser cannot play the file, or where there is only text.
function playerOf(file) {
  const kind = file?.type.split("/")[0];
  if (kind !== "audio" && kind !== "video") return null;
  const player = element(kind, { src: URL.createObjectURL(file), controls: true, preload: "auto", class: "player", "aria-label": `Play ${file.name}` });
  if (kind === "video") player.playsInline = true;
  return player;
}

// The rows, home bases and excursions of one speaker; `place`, `first` and `last` of an excursion are numbers of these rows.
function partOf(answer, speaker) {
  const numbers = answer.rows.map((row, number) => number).filter((number) => (answer.rows[number].speaker ?? "") === speaker);
  const mine = (entry) => entry.speaker === speaker;
  return {
    rows: numbers.map((number) => answer.rows[number]),
    bases: answer.home_base.filter(mine),
    excursions: answer.excursions.filter(mine).map((excursion) => ({
      ...excursion, place: numbers.indexOf(excursion.peak_row),
      first: numbers.indexOf(excursion.rows[0]), last: numbers.indexOf(excursion.rows.at(-1)),
    })),
  };
}

function homeInWords(bases) {
  return bases.map((base) => element("li", {}, element("strong", {}, base.axis),
    `: usual range ${signed(base.low)} to ${signed(base.high)}, ${percent(base.inside)} of the windows inside it, ${base.excursions} ${base.excursions === 1 ? "excursion" : "excursions"}`));
}

function excursionTable({ rows, excursions }, unit, ongo) {
  const table = resultTable({
    caption: "Excursions from the usual range",
    columns: [
      { key: "middle", label: "Peak at", shown: (value) => element("button", { type: "button", class: "choice", onclick: () => ongo(value) }, timeOf(value, unit)) },
      { key: "axis", label: "Axis" }, { key: "side", label: "Side" }, { key: "peak", label: "Value", number: true, shown: (value) => signed(value) },
    ],
    rows: excursions.map((one) => ({ middle: middleOf(rows[one.place]), axis: one.axis, side: one.side === "high" ? "above" : "below", peak: one.peak })),
  });
  return element("details", { open: excursions.length <= 6 }, element("summary", {}, `Excursions: ${excursions.length}`), table);
}

// The texts as a list; the one at the cursor is marked.
function wordsOf(utterances, ongo) {
  const items = utterances.map((utterance) => element("li", {}, element("button", { type: "button", class: "utterance", onclick: () => ongo(middleOf(utterance)) },
    utterance.speaker && element("strong", {}, `${utterance.speaker}: `), utterance.text)));
  const list = element("ol", { class: "utterances", tabindex: "0", "aria-label": "Words" }, items);
  let current = null;
  return {
    element: list,
    move(time) {
      const place = utterances.findIndex((utterance) => time >= utterance.start && time < utterance.end);
      if (items[place] === current) return;
      current?.removeAttribute("aria-current");
      current = items[place] ?? null;
      if (!current) return;
      current.setAttribute("aria-current", "true");
      list.scrollTop += current.getBoundingClientRect().top - list.getBoundingClientRect().top - list.clientHeight / 3;
    },
  };
}

// Everything below the inputs for one answer.
function createResult(answer, file) {
  const { unit } = answer;
  const player = playerOf(file);
  const speakers = [...new Set(answer.rows.map((row) => row.speaker ?? ""))];
  let part = partOf(answer, speakers[0]);
  let timeline = null;
  let time = player ? 0 : middleOf(part.rows[0]);

  const map = createCircumplex({ emotions: emotionEllipses() });
  const chart = element("div", { class: "chart" });
  const slider = element("input", { type: "range", step: "any", "aria-label": "Cursor" });
  const readout = element("p", { class: "readout" });
  const home = element("div", { class: "stack" });
  const words = answer.utterances.length ? wordsOf(answer.utterances, (target) => go(target)) : null;

  function show() {
    const place = rowAt(part.rows, time);
    const row = part.rows[place];
    timeline.move(time);
    words?.move(time);
    slider.value = String(time);
    const reading = row.reason ? row.reason : inWords(row);
    slider.setAttribute("aria-valuetext", `${timeOf(Math.min(time, timeline.total - 1e-6), unit)}. ${reading}`);
    readout.textContent = `${timeOf(Math.min(time, timeline.total - 1e-6), unit)}: ${reading}`;
    const trail = part.rows.slice(Math.max(0, place - TRAIL), place + 1).filter((one) => typeof one.valence?.mean === "number");
    map.show(row.reason ? [] : pointsOf(row), { trail: trail.map((one) => ({ valence: one.valence.mean, arousal: one.arousal.mean })) });
  }

  function go(target, { seek = true } = {}) {
    time = Math.max(timeline.from, Math.min(timeline.total, target));
    if (seek && player && Math.abs(player.currentTime - time) > 0.05) player.currentTime = time;
    show();
  }

  function draw() {
    const width = Math.max(280, Math.floor(chart.clientWidth));
    timeline = createTimeline({ answer, ...part, width, onmove: go });
    chart.replaceChildren(timeline.element);
    slider.min = String(timeline.from);
    slider.max = String(timeline.total);
    go(time, { seek: false });
  }

  function choose(speaker) {
    part = partOf(answer, speaker);
    const note = part.bases.length
      ? element("p", { class: "hint" }, "Dashed lines: the usual range, which is the mean and one standard deviation over this input (its home base). Shaded, with a triangle at the peak: an excursion from it.")
      : element("p", { class: "hint" }, "There are too few windows for a usual range.");
    home.replaceChildren(...[part.bases.length && element("ul", { class: "plain" }, homeInWords(part.bases)), note,
      part.excursions.length && excursionTable(part, unit, (target) => go(target))].filter(Boolean));
    if (chart.isConnected) draw();
  }

  slider.addEventListener("input", () => go(Number(slider.value)));
  slider.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const place = Math.max(0, Math.min(part.rows.length - 1, rowAt(part.rows, time) + step));
    go(middleOf(part.rows[place]));
  });
  let frame = 0;
  const tick = () => { go(player.currentTime, { seek: false }); frame = requestAnimationFrame(tick); };
  halt = () => { cancelAnimationFrame(frame); player?.pause(); };
  player?.addEventListener("play", tick);
  for (const name of ["pause", "ended"]) player?.addEventListener(name, () => cancelAnimationFrame(frame));
  player?.addEventListener("seeked", () => { if (player.paused) go(player.currentTime, { seek: false }); });
  player?.addEventListener("error", () => player.replaceWith(element("p", { class: "hint" }, "The browser cannot play this file. The curves are right all the same.")));

  const choice = speakers.length > 1 && element("select", { onchange: (event) => choose(event.target.value) },
    speakers.map((speaker) => element("option", { value: speaker }, speaker || "(no name)")));
  const csvRows = answer.rows.map((row) => {
    const { id, ...values } = rowOf(row);
    return { start: row.start, end: row.end, speaker: row.speaker, text: row.text, ...values, reason: row.reason };
  });
  const columns = Object.keys(csvRows[0]).filter((key) => csvRows.some((row) => row[key] !== undefined && row[key] !== "")).map((key) => ({ key }));
  const left = element("div", { class: "stack" },
    choice && field("Speaker", choice),
    readout, slider, chart,
    element("p", { class: "hint" }, "Move the cursor with the mouse, with the arrow keys on the slider, or by playing. Bands are one standard deviation."));
  const right = element("div", { class: "stack" }, player, element("div", { class: "card" }, map.element), words?.element);
  choose(speakers[0]);
  const whole = element("div", { class: "stack" },
    element("h2", {}, file?.name ?? "The text"),
    element("p", { class: "finding" }, "As a whole, ", inWords(answer.whole).replace(/^Others/, "others")),
    element("div", { class: "beside over-time" }, left, right),
    home,
    remarks({ notes: [...answer.whole.notes, ...answer.notes], licence: answer.licence, unlike: answer.whole.unlike }),
    element("div", { class: "row" }, downloadButton("Download as CSV", "affectspace-over-time.csv", () => csvOf(columns, csvRows))));
  return { element: whole, draw, observer: new ResizeObserver(() => { if (Math.abs(chart.clientWidth - (timeline?.element.clientWidth ?? 0)) > 2) draw(); }), chart };
}

export function start(panel) {
  const task = createTask();
  const words = element("textarea", { rows: 4, placeholder: "Paste a text of several sentences, or leave it empty and choose a file." });
  const list = fileList({ onchange: () => task.clear() });
  const addFile = ([file]) => { list.clear(); list.add(file); };
  recorder = recordButton({ onfile: (file) => addFile([file]), onproblem: task.fail });
  const width = element("input", { type: "number", min: "0.1", step: "any", inputmode: "decimal", placeholder: "4 s, or 3 sentences" });
  const step = element("input", { type: "number", min: "0.1", step: "any", inputmode: "decimal", placeholder: "2 s, or 1 sentence" });
  const output = element("div", { class: "stack", id: newId("output") });
  let observer = null;

  async function follow() {
    const [file] = list.files;
    const text = words.value.trim();
    if (!file && !text) {
      task.fail("There is nothing to follow yet. Choose a recording, a clip or a transcript, record a voice, or paste a text.");
      words.focus();
      return;
    }
    if (file && text) {
      task.fail("There are a text and a file. Remove one of them: each has a curve of its own.");
      return;
    }
    const values = { file: file ?? null, text: file ? null : text, window: width.value || null, step: step.value || null };
    const answer = await task.run("Reading window after window", (signal) => request("/v1/trajectory", { body: form(values), signal }), { after: "The curves are ready." });
    halt();
    observer?.disconnect();
    if (!answer) {
      output.replaceChildren();
      return;
    }
    const result = createResult(answer, file);
    output.replaceChildren(result.element);
    result.draw();
    observer = result.observer;
    observer.observe(result.chart);
    bringIntoView(output);
  }

  const inputs = element("form", { class: "card", novalidate: true },
    element("div", { class: "halves" },
      element("div", { class: "stack" }, field("Text", words),
        element("div", { class: "examples" }, element("button", {
          type: "button", class: "example", onclick: () => { list.clear(); words.value = EXAMPLE; width.value = "1"; step.value = "1"; announce("The example is in the field."); follow(); },
        }, "Example: a story of twelve sentences"))),
      element("div", { class: "stack" },
        element("div", { class: "row" }, recorder.element, fileButton({ label: "Choose a file", accept: TYPES, onfiles: addFile })),
        list.element,
        element("p", { class: "hint" }, "A recording, a clip, a text, subtitles (.srt, .vtt) or a table with a column text. You can drop a file here."),
        element("details", {}, element("summary", {}, "Windows"),
          element("div", { class: "halves tight" }, field("Length", width), field("Step", step)),
          element("p", { class: "hint" }, "Seconds of a sound or clip, sentences of a text. Each row of a transcript is a window of its own.")))),
    element("div", { class: "row" }, element("button", { type: "submit", class: "main" }, "Follow over time")), task.element);
  inputs.addEventListener("submit", (event) => { event.preventDefault(); follow(); });
  acceptDrops(inputs, addFile);
  panel.append(element("div", { class: "stack wide-gap" }, inputs, output));
}

export function left() {
  recorder?.cancel();
  halt();
}
