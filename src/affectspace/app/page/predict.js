// The tab Predict: sentences, recordings, faces and clips as points on the map.

import { AXES, bringIntoView, checkbox, element, field, percent, toast } from "./dom.js";
import { createCircumplex } from "./circumplex.js";
import { TABLES, acceptDrops, cameraButton, fileButton, fileList, recordButton } from "./inputs.js";
import { emotionBars, emotionInWords, inWords, pointsOf, remarks, rowOf, withDeviation } from "./readings.js";
import { emotionEllipses, form, request } from "./service.js";
import { resultTable } from "./table.js";
import { createTask } from "./tasks.js";

const EXAMPLES = [
  "What a wonderful day!",
  "I can't believe that you did this to me.",
  "The train leaves at nine from platform four.",
  "There is someone at the door, and I am alone.",
  "We sat by the lake until the stars came out.",
];
const TYPES = "audio/*,image/*,video/*,.txt";

// The words of the field: one text where all inputs are one person's, else one for each line.
function textsOf(value, together) {
  const lines = value.split("\n").map((line) => line.trim()).filter(Boolean);
  return together && lines.length ? [lines.join(" ")] : lines;
}

function resultOf(prediction, map) {
  map.show(pointsOf(prediction));
  return [
    element("h2", {}, prediction.id),
    element("p", { class: "finding" }, inWords(prediction), " ", emotionInWords(prediction)),
  ];
}

const axisColumns = AXES.map((axis) => ({ key: axis, number: true, shown: (estimate) => withDeviation(estimate) }));

function tableOfOne(prediction) {
  const parts = pointsOf(prediction).map((point) => ({ from: point.name, ...Object.fromEntries(AXES.map((axis) => [axis, point[axis]])) }));
  const csv = rowOf(prediction);
  return resultTable({
    caption: "Values from −1 to +1, with one standard deviation",
    columns: [{ key: "from", label: "Read from" }, ...axisColumns],
    rows: parts, file: "affectspace.csv", csvColumns: Object.keys(csv).map((key) => ({ key })), csvRows: [csv],
  });
}

function tableOfMany(predictions, failures, onchoose) {
  const csv = predictions.map(rowOf);
  const choose = (name, row) => element("button", { type: "button", class: "choice", "data-index": row.prediction.index, onclick: () => onchoose(row.prediction) }, name);
  const rows = predictions.map((prediction) => ({
    id: prediction.id, ...Object.fromEntries(AXES.map((axis) => [axis, prediction[axis]])),
    emotion: prediction.emotion ? `${prediction.emotion} ${percent(prediction.probability)}` : "unclear", prediction,
  }));
  return element("div", { class: "stack" },
    resultTable({
      caption: "All inputs. Choose one to see its point.",
      columns: [{ key: "id", label: "Input", shown: choose }, ...axisColumns, { key: "emotion", label: "Emotion" }],
      rows, file: "affectspace.csv", csvColumns: Object.keys(csv[0]).map((key) => ({ key })), csvRows: csv,
    }),
    failures.length > 0 && element("div", { class: "error" }, failures.map((failure) =>
      element("p", {}, failure.reason.startsWith(failure.id) ? failure.reason : `${failure.id}: ${failure.reason}`))));
}

export function start(panel) {
  const task = createTask();
  const words = element("textarea", { rows: 3, placeholder: "For example: What a wonderful day!" });
  const together = element("input", { checked: true });
  const list = fileList();
  const addFiles = (files) => {
    task.clear();
    const tables = files.filter((file) => TABLES.some((suffix) => file.name.toLowerCase().endsWith(suffix)));
    files.filter((file) => !tables.includes(file)).forEach(list.add);
    if (tables.length) task.fail(`${tables[0].name} is a table. Copy its texts into the field, one in each line, or use the command: affectspace predict ${tables[0].name}`);
  };
  const capture = { onfile: (file) => addFiles([file]), onproblem: task.fail };
  const recorder = recordButton(capture);
  const camera = cameraButton(capture);
  const submit = element("button", { type: "submit", class: "main" }, "Predict");
  const map = createCircumplex({ emotions: emotionEllipses() });
  const finding = element("div", { class: "stack", "aria-live": "polite" });
  const bars = element("div", { class: "stack" });
  const details = element("div", { class: "stack" });

  // Show no result, at first and after an error.
  function empty() {
    finding.replaceChildren(element("h2", {}, "Where does it lie on the map?"),
      element("p", { class: "hint" }, "Choose an example, or give words, a voice, a face or a clip, in any mix. Behind the point lie the emotions as raters placed them on faces (mean and standard deviation)."));
    bars.replaceChildren();
    details.replaceChildren();
    map.show([]);
  }

  function show(prediction, answer) {
    finding.replaceChildren(...resultOf(prediction, map));
    bars.replaceChildren(element("h3", {}, "Names of emotions"), emotionBars(prediction.probabilities),
      element("p", { class: "hint" }, "A name is a guess from the point. Several names often fit."));
    const notes = [...prediction.notes, ...answer.notes];
    const many = answer.predictions.length + answer.failures.length > 1;
    const table = many ? tableOfMany(answer.predictions, answer.failures, (chosen) => choose(chosen, answer)) : tableOfOne(prediction);
    details.replaceChildren(
      element("p", { class: "hint" }, "The ellipse and the bar beside the map are one standard deviation: on each axis, about two of three such inputs lie inside."),
      remarks({ notes, licence: prediction.licence, unlike: prediction.unlike }), table);
    for (const choice of details.querySelectorAll("button.choice")) {
      choice.setAttribute("aria-pressed", String(choice.dataset.index === String(prediction.index)));
    }
  }

  // Show another input of the same answer. Its button is made again, and keeps the focus.
  function choose(prediction, answer) {
    show(prediction, answer);
    details.querySelector('button.choice[aria-pressed="true"]')?.focus();
  }

  async function predict() {
    const texts = textsOf(words.value, together.checked);
    if (!texts.length && !list.files.length) {
      empty();
      task.fail("There is nothing to predict yet. Type a sentence, choose an example, or add a file.");
      words.focus();
      return;
    }
    const onePerson = together.checked && texts.length + list.files.length > 1;
    const isForm = list.files.length > 0;
    const body = isForm ? form({ texts, files: list.files, together: String(onePerson) }) : { texts };
    const answer = await task.run("Predicting", (signal) => request("/v1/predict", { body, signal }));
    if (!answer) {
      empty();
      return;
    }
    show(answer.predictions[0], answer);
    bringIntoView(finding);
  }

  const examples = EXAMPLES.map((sentence) => element("button", {
    type: "button", class: "example",
    onclick: () => { words.value = sentence; if (list.files.length) toast("The files of the list are read together with the example."); predict(); },
  }, sentence));
  const inputs = element("form", { class: "stack card", novalidate: true },
    field("Words", words, "Without the switch below, each line is a message of its own."),
    element("div", { class: "stack tight", role: "group", "aria-label": "Examples" }, element("p", { class: "hint" }, "Examples:"), element("div", { class: "examples" }, examples)),
    element("div", { class: "row" }, recorder.element, camera.element, fileButton({ label: "Choose files", accept: TYPES, multiple: true, onfiles: addFiles })),
    camera.area, list.element,
    element("p", { class: "hint" }, "You can also drop files here: a voice, a photograph of a face, a clip, a text."),
    checkbox("These inputs are one person at one moment", together, "On: one point from all of them. Off: a point for each."),
    element("div", { class: "row" }, submit), task.element);
  inputs.addEventListener("submit", (event) => { event.preventDefault(); predict(); });
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); predict(); }
  });
  acceptDrops(inputs, addFiles);
  empty();
  devices = [recorder, camera];
  panel.append(element("div", { class: "columns" }, inputs,
    element("div", { class: "stack" }, finding,
      element("div", { class: "beside" }, element("div", { class: "card" }, map.element), bars), details)));
}

let devices = [];

// Another tab is shown: close microphone and camera.
export function left() {
  for (const device of devices) device.cancel();
}
