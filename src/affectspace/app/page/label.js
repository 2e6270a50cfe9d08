// The tab Label: a table gets values for its emotion names, or emotion names for its values.

import { announce, checkbox, element, field, newId, percent, withCode } from "./dom.js";
import { createCircumplex } from "./circumplex.js";
import { colourOf, drawRows } from "./scatter.js";
import { TABLES } from "./inputs.js";
import { form, request } from "./service.js";
import { createTask } from "./tasks.js";
import { download, resultTable } from "./table.js";

const EXAMPLE = `person,said,emotion
Ana,We won the first game,happy
Ana,Nobody came to the meeting,sad
Ben,Who took my bicycle,angry
Ben,There is someone at the door,afraid
Cem,The train is on time,neutral
Cem,I did not expect you here,surprised
Dua,There is mould on the bread,disgusted
Dua,We may all go home early,joy
`;
const TYPES = [...TABLES, ".txt"].join(",");
const AXES = ["valence", "arousal", "dominance"];
const OWN = "own";
const NEEDED = "new_"; // prefix that is filled in where the table has columns of the new names

const option = (value, text, selected) => element("option", { value, selected: value === selected }, text);

// A choice from a list of [value, text].
const choice = (entries, selected) => element("select", {}, entries.map(([value, text]) => option(value, text, selected)));

function columnText(column) {
  if (column.kind === "numbers") return `${column.name} (${column.low} to ${column.high})`;
  return column.examples.length ? `${column.name} (${column.examples.slice(0, 2).join(", ")})` : `${column.name} (empty)`;
}

export async function start(panel) {
  const choices = await request("/v1/annotate");
  const task = createTask();
  const input = element("input", { type: "file", accept: TYPES });
  const settings = element("div", { class: "stack" });
  const result = element("div", { class: "stack label-result" }, hello());
  const opened = element("p", { class: "hint", hidden: true });
  let file = null;
  let chosen = 0; // number of the last file, so that an earlier answer does not replace a later one

  async function open(next) {
    file = next;
    const own = ++chosen;
    opened.textContent = `Open now: ${file.name}`;
    opened.hidden = false;
    settings.replaceChildren();
    result.replaceChildren(hello());
    const answer = await task.run("Reading the table", (signal) => request("/v1/annotate/columns", { body: form({ file }), signal }),
      { after: "The table is read. Check the choices, then label it." });
    if (answer && own === chosen) settings.replaceChildren(...controls(answer));
  }

  function controls(table) {
    const { guess } = table;
    const name = newId("direction");
    const directions = choices.directions.map(({ name: value, title }) => {
      const radio = element("input", { type: "radio", name, value, id: newId("way"), checked: value === guess.direction, onchange: arrange });
      return { value, radio, row: element("div", { class: "check" }, radio, element("label", { for: radio.id }, title)) };
    });
    const columns = (kinds) => table.columns.filter((column) => kinds.includes(column.kind)).map((column) => [column.name, columnText(column)]);
    const words = columns(["words", "numbers"]);
    const numbers = columns(["numbers", "words"]);
    const emotion = choice(words, guess.emotion);
    const spelling = choice([["", "common English words"], ...choices.spellings.map((value) => [value, `as in ${value}`])], guess.spelling);
    const unknown = choice([["error", "stop with an error"], ["skip", "leave the row empty"]], "error");
    const meanings = element("textarea", { rows: 2, spellcheck: "false", placeholder: "love: happiness\npride: skip" });
    const axes = Object.fromEntries(AXES.map((axis) => [axis, choice([["", "none"], ...numbers], guess[axis] ?? "")]));
    const scales = choices.scales.filter((scale) => scale.axes.length > 1);
    const isNamed = scales.some((scale) => scale.name === guess.scale);
    const scale = choice([...scales.map((one) => [one.name, `${one.name} (${[...new Set(one.ranges.map(([low, high]) => `${low} to ${high}`))].join(", ")})`]),
      [OWN, "another range"]], guess.scale && !isNamed ? OWN : guess.scale ?? "canonical");
    const range = element("input", { type: "text", value: isNamed ? "" : guess.scale ?? "", placeholder: "1:7", inputmode: "text" });
    const reference = choice([], "");
    const prefix = element("input", { type: "text", placeholder: "for example new_" });
    const safe = element("input", { checked: true });
    const seed = element("input", { type: "number", min: 0, step: 1, value: 0 });
    const rangeField = field("Lowest and highest value that a rater could give", range, "LOW:HIGH, for example 1:7");
    const dominanceField = field("Dominance", axes.dominance);
    const writing = element("details", {}, element("summary", {}, "The file that is written"), element("div", { class: "stack" },
      field("Prefix of the new columns", prefix, "Needed where the table has columns of these names already."),
      checkbox("Safe for spreadsheets", safe, "Puts an apostrophe before texts that a spreadsheet would run as formulas.")));
    const toValues = element("div", { class: "stack" },
      field("Column with the emotions", emotion),
      field("How the column writes emotions", spelling),
      field("Words that are not known", unknown),
      element("details", {}, element("summary", {}, "Say what other words mean"), field("One word a line", meanings, "word: emotion, or word: skip")),
      field("Random seed", seed, "The same seed gives the same values."));
    const toEmotions = element("div", { class: "stack" },
      field("Valence", axes.valence), field("Arousal", axes.arousal), dominanceField,
      field("Scale of the values", scale, guess.scale ? "Guessed from the values. Check what a rater could give at most." : null), rangeField);
    const referenceField = field("Published emotions", reference);
    const button = element("button", { type: "submit", class: "main" }, "Label the table");

    function arrange() {
      const direction = directionNow();
      const kept = reference.value || "affectnet";
      const usable = choices.references.filter((one) => one.directions.includes(direction));
      reference.replaceChildren(...usable.map((one) => option(one.name, `${one.name} (${one.emotions.length} emotions, ${one.axes.join(", ")})`, kept)));
      toValues.hidden = direction !== "to_values";
      toEmotions.hidden = direction !== "to_emotions";
      const added = direction === "to_values" ? AXES : ["emotion"];
      const taken = table.columns.some((column) => added.includes(column.name));
      if (taken && !prefix.value) {
        prefix.value = NEEDED;
        writing.open = true;
      } else if (!taken && prefix.value === NEEDED) {
        prefix.value = "";
      }
      arrangeScale();
    }

    function arrangeScale() {
      rangeField.hidden = scale.value !== OWN;
      dominanceField.hidden = !choices.references.find((one) => one.name === reference.value)?.axes.includes("dominance");
    }

    const directionNow = () => directions.find(({ radio }) => radio.checked)?.value;
    scale.addEventListener("change", arrangeScale);
    reference.addEventListener("change", arrangeScale);
    arrange();

    async function label(event) {
      event.preventDefault();
      const direction = directionNow();
      const values = { file, direction, reference: reference.value, prefix: prefix.value.trim() || null, safe_csv: String(safe.checked) };
      if (direction === "to_values") {
        Object.assign(values, {
          emotion: emotion.value, spelling: spelling.value || null, unknown: unknown.value, labels: meanings.value.trim() || null, seed: seed.value,
        });
      } else {
        values.scale = scale.value === OWN ? range.value.trim() : scale.value;
        for (const axis of AXES) values[axis] = dominanceField.hidden && axis === "dominance" ? "" : axes[axis].value;
      }
      const answer = await task.run("Labelling", (signal) => request("/v1/annotate", { body: form(values), signal }), { after: "The table is labelled." });
      result.replaceChildren(...(answer ? shown(answer, file.name) : [hello()]));
    }

    return [element("form", { class: "stack", onsubmit: label },
      element("fieldset", { class: "stack plain" }, element("legend", {}, "What to add"), directions.map(({ row }) => row)),
      toValues, toEmotions, referenceField,
      writing, button)];
  }

  input.addEventListener("change", () => input.files.length && open(input.files[0]));
  const dropping = element("div", { class: "drop" }, field("Table", input, "CSV, TSV, Excel, JSON lines or Parquet, with a row of names at the top."));
  dropping.addEventListener("dragover", (event) => event.preventDefault());
  dropping.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
  const example = element("button", { type: "button", onclick: () => open(new File([EXAMPLE], "example.csv", { type: "text/csv" })) }, "Try it with an example");

  panel.append(
    element("p", { class: "lead" }, "A table with emotion names gets valence and arousal; a table with values gets emotion names. This is the annotation transfer of LeVAsa."),
    element("div", { class: "columns" }, element("div", { class: "stack" }, dropping, element("div", { class: "row" }, example, opened), settings, task.element), result));
}

const hello = () => element("p", { class: "hint" }, "The figure and the table appear here.");

// The figure, the counts and the first rows of an answer. name : of the file that was uploaded
function shown(answer, name) {
  const { figure, counts, count } = answer;
  const map = createCircumplex({ emotions: figure.emotions.map((one) => ({ ...one, valence_sd: one.valence_sd ?? 0.02, arousal_sd: one.arousal_sd ?? 0.02 })) });
  drawRows(map, figure.points, `Map of ${figure.points.length} rows: valence from left to right, arousal from bottom to top.`);
  const found = Object.entries(counts).sort((one, other) => other[1] - one[1]);
  const bars = element("table", { class: "counts" },
    element("caption", {}, "Rows of each emotion"),
    element("tbody", {}, found.map(([emotion, rows]) => {
      const bar = element("div", { class: "bar" });
      bar.style.width = `${(100 * rows) / Math.max(1, found[0][1])}%`;
      bar.style.background = colourOf(emotion);
      return element("tr", {}, element("th", { scope: "row" }, emotion), element("td", { class: "number" }, rows.toLocaleString("en")),
        element("td", { class: "number" }, percent(rows / Math.max(1, count))), element("td", { class: "wide", "aria-hidden": "true" }, bar));
    })));
  const columns = answer.columns.map((key, place) => ({ key: String(place), label: key, shown: cellText, number: answer.added.includes(key) && key.match(/valence|arousal|dominance|probability/) }));
  const rows = answer.rows.map((cells) => Object.fromEntries(cells.map((cell, place) => [String(place), cell])));
  const some = figure.points.length < count ? `, ${figure.points.length.toLocaleString("en")} of ${count.toLocaleString("en")} rows drawn` : "";
  const stem = name.replace(/\.[^.]*$/, "");
  const save = element("button", { type: "button", class: "main", onclick: () => {
    download(answer.csv, `${stem}_labelled.csv`);
    announce("The download has started.");
  } }, `Download all ${count.toLocaleString("en")} rows as CSV`);
  return [
    element("div", { class: "row between" }, element("h2", { tabindex: "-1" }, `${count.toLocaleString("en")} rows labelled`), save),
    answer.notes.length ? element("ul", { class: "note notes" }, answer.notes.map((text) => element("li", {}, withCode(text)))) : null,
    element("div", { class: "pair" },
      element("div", { class: "card" }, figure.points.length
        ? [map.element, element("p", { class: "hint" }, `Each dot is a row${some}. Behind them are the published ellipses of the emotions.`)]
        : element("p", { class: "hint" }, "The figure needs both valence and arousal.")),
      element("div", { class: "card scroll", tabindex: "0", role: "region", "aria-label": "Rows of each emotion" }, bars)),
    element("div", { class: "tall" }, resultTable({ caption: rows.length < count ? `The first ${rows.length} rows` : "All rows", columns, rows })),
  ].filter(Boolean);
}

// Long numbers are cut for the eye; the file keeps them.
function cellText(cell) {
  if (cell === null) return "–";
  const text = String(cell);
  return /^-?\d+\.\d{5,}$/.test(text) ? Number(text).toFixed(3) : text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
