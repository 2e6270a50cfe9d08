// Tables with a caption, and their download as CSV.

import { element } from "./dom.js";

// Spreadsheets would run a text that begins so as a formula.
const FORMULA = /^[=+\-@\t\r]/;

function csvCell(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// The text of a CSV file. columns : [{key}]; rows : objects with these keys
export function csvOf(columns, rows) {
  const lines = [columns.map((column) => column.key), ...rows.map((row) => columns.map((column) => row[column.key]))];
  return lines.map((line) => line.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

// Save a text or a Blob as a file of the browser.
export function download(content, name, type = "text/csv;charset=utf-8") {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function downloadButton(label, name, content) {
  return element("button", { type: "button", onclick: () => download(content(), name) }, label);
}

// A table that scrolls sideways in its own box. columns : [{key, label, number, shown}], where shown(value, row) makes the cell's
// text or element; file : name of the CSV, null for none; csvRows, csvColumns : where the file holds more than is shown
export function resultTable({ caption, columns, rows, file = null, csvColumns = columns, csvRows = rows }) {
  const head = element("tr", {}, columns.map((column) =>
    element("th", { scope: "col", class: column.number && "number" }, column.label ?? column.key)));
  const body = rows.map((row) => element("tr", {}, columns.map((column, place) => {
    const value = row[column.key];
    const content = column.shown ? column.shown(value, row) : value ?? "–";
    return place === 0
      ? element("th", { scope: "row" }, content)
      : element("td", { class: column.number && "number" }, content);
  })));
  const table = element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, body));
  return element("div", { class: "table" },
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table),
    file && downloadButton("Download as CSV", file, () => csvOf(csvColumns, csvRows)));
}
