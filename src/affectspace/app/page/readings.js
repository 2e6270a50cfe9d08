// A prediction in words, as bars and as a row of a table.

import { AXES, element, fixed, percent, signed, withCode } from "./dom.js";
import { KINDS } from "./circumplex.js";

const WORDS = {
  valence: ["unpleasant", "pleasant", "neither pleasant nor unpleasant"],
  arousal: ["calm", "excited", "neither calm nor excited"],
  dominance: ["controlled", "in control", "neither controlled nor in control"],
};
const LEAST = 0.1; // from which an axis has a direction
const CLEAR = 0.35; // from which it needs no "slightly"

const hasValue = (estimate) => typeof estimate?.mean === "number";

// A value of an axis as a word: "slightly pleasant".
export function wordOf(axis, value) {
  const [low, high, middle] = WORDS[axis];
  if (Math.abs(value) < LEAST) return middle;
  return (Math.abs(value) < CLEAR ? "slightly " : "") + (value < 0 ? low : high);
}

// The axes of which the sign itself is unsure: the deviation is larger than the value.
const unsureAxes = (prediction) => AXES.filter((axis) =>
  hasValue(prediction[axis]) && Math.abs(prediction[axis].mean) >= LEAST && prediction[axis].deviation > Math.abs(prediction[axis].mean));

// One or two plain sentences about a prediction.
export function inWords(prediction) {
  const words = AXES.filter((axis) => hasValue(prediction[axis])).map((axis) => wordOf(axis, prediction[axis].mean));
  if (!words.length) return "The model gives no value for this input.";
  const last = words.length > 1 ? ` and ${words.pop()}` : "";
  const unsure = unsureAxes(prediction);
  const doubt = unsure.length ? ` The sign of ${unsure.join(" and ")} is not sure.` : "";
  return `Others would find it ${words.join(", ")}${last}.${doubt}`;
}

// The emotion with its probability, or that none is likely enough.
export function emotionInWords(prediction) {
  const [best] = Object.entries(prediction.probabilities ?? {});
  if (prediction.emotion) return `The likeliest name is ${prediction.emotion} (${percent(prediction.probability)}).`;
  return best ? `No name of an emotion is likely enough; the best guess is ${best[0]} (${percent(best[1])}).` : "";
}

// Bars of the emotions' probabilities, in descending order. limit : number of bars
export function emotionBars(probabilities, { limit = 7 } = {}) {
  const bars = Object.entries(probabilities).slice(0, limit).map(([name, share]) => {
    const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", {}));
    bar.firstChild.style.width = `${100 * share}%`;
    return element("li", {}, element("span", { class: "bar-name" }, name), bar, element("span", { class: "bar-value" }, percent(share)));
  });
  return element("ul", { class: "bars" }, bars);
}

// The points of a prediction for the map: everything together, and each modality where there are several.
export function pointsOf(prediction) {
  const alone = Object.entries(prediction.by_modality ?? {});
  if (alone.length === 1) return [{ ...prediction, kind: alone[0][0], name: KINDS[alone[0][0]] ?? alone[0][0] }];
  return [
    { ...prediction, kind: "fused", name: KINDS.fused },
    ...alone.map(([kind, estimate]) => ({ ...estimate, kind, name: KINDS[kind] ?? kind })),
  ];
}

// Value and deviation as "+0.43 ± 0.20".
export const withDeviation = (estimate) =>
  hasValue(estimate) ? `${signed(estimate.mean)} ± ${fixed(estimate.deviation)}` : "–";

// The values of a prediction under the names of the columns of `affectspace predict --out`.
export function rowOf(prediction) {
  const row = { id: prediction.id };
  const add = (estimate, prefix) => {
    for (const axis of AXES) row[`${prefix}${axis}`] = estimate?.[axis]?.mean;
    for (const axis of AXES) row[`${prefix}${axis}_sd`] = estimate?.[axis]?.deviation;
  };
  add(prediction, "");
  row.emotion = prediction.emotion;
  row.probability = prediction.probability;
  row.modalities = Object.keys(prediction.by_modality ?? {}).join("+");
  for (const modality of ["text", "audio", "video"]) add(prediction.by_modality?.[modality], `${modality}_`);
  row.notes = (prediction.notes ?? []).join("; ");
  row.licence = prediction.licence;
  return row;
}

// The notes, the licence, and what the words of the map mean.
export function remarks({ notes, licence, unlike }) {
  return element("div", { class: "stack remarks" },
    unlike && element("p", { class: "note strong" }, "This input is unlike what the model was trained on. Trust the point less; its ellipse is wide on purpose."),
    notes.length > 0 && element("ul", { class: "note notes" }, notes.map((note) => element("li", {}, withCode(note)))),
    licence && element("p", { class: "hint" }, `Licence of the predictions: ${licence}.`));
}
