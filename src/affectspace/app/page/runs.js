// The tab Runs: the runs and studies of a folder, side by side, and their reports.

import { announce, element, newId, signed, toast, withCode } from "./dom.js";
import { request } from "./service.js";
import { createTask } from "./tasks.js";
import { downloadButton, csvOf } from "./table.js";

const MOST = 4; // runs that are chosen at first
const REPORTS = 2; // reports beside each other
const CALM = "The report of";

const day = (time) => new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
const titleOf = (run) => (run.name === "." ? "this folder" : run.name);

const command = (name) => element("code", {}, name);

const decimals = (value) => signed(value, 3).replace("+", "");

function figureText(figure) {
  if (!figure) return "–";
  const interval = typeof figure.low === "number" ? ` [${decimals(figure.low)}, ${decimals(figure.high)}]` : "";
  return `${decimals(figure.value)}${interval}`;
}

export async function start(panel) {
  const task = createTask();
  const list = element("div", { class: "stack" });
  const beside = element("div", { class: "stack" });
  const reports = element("div", { class: "reports" });
  const chosen = new Set(); // names of runs in the table
  const open = []; // names of runs whose reports are shown, the latest last
  let runs = [];

  const again = element("button", { type: "button", onclick: () => load() }, "Look again");
  panel.append(
    element("p", { class: "lead" }, "Runs and studies in the folder of the service. The commands ", command("train"), ", ", command("evaluate"), ", ", command("reproduce"), " and ",
      command("demo"), " of affectspace write them there."),
    element("div", { class: "stack" }, task.element, list, beside, reports));
  await load();

  async function load() {
    const answer = await task.run("Looking for runs", (signal) => request("/v1/runs", { signal }));
    if (!answer) return;
    runs = answer.runs;
    const known = new Set(runs.map((run) => run.name));
    for (const name of chosen) if (!known.has(name)) chosen.delete(name);
    if (!chosen.size) runs.filter((run) => run.key_figures.length).slice(0, MOST).forEach((run) => chosen.add(run.name));
    list.replaceChildren(
      element("div", { class: "row between" }, element("h2", {}, `${runs.length} ${runs.length === 1 ? "run" : "runs"} in ${answer.folder}`), again),
      ...answer.notes.map((text) => element("p", { class: "note" }, withCode(text))));
    if (runs.length) list.append(table());
    compare();
  }

  function table() {
    const head = ["Compare", "Name", "Report", "What it is", "State", "Changed"].map((text) => element("th", { scope: "col" }, text));
    const rows = runs.map((run) => {
      const box = element("input", { type: "checkbox", id: newId("run"), checked: chosen.has(run.name),
        onchange: () => { chosen[box.checked ? "add" : "delete"](run.name); compare(); announce(`${chosen.size} runs are compared.`); } });
      const name = element("label", { for: run.key_figures.length && box.id }, titleOf(run));
      const show = run.report && element("button", { type: "button", "aria-pressed": String(open.includes(run.name)), onclick: () => toggle(run, show) }, "Show",
        element("span", { class: "hidden" }, ` ${CALM} ${titleOf(run)}`));
      return element("tr", {}, element("td", {}, run.key_figures.length ? box : element("span", { class: "hint" }, "not measured")),
        element("th", { scope: "row" }, name, run.note && element("p", { class: "hint" }, run.note)),
        element("td", {}, show || "none yet"), element("td", {}, run.kind), element("td", {}, run.state || "–"), element("td", {}, day(run.modified)));
    });
    return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" },
      element("table", { class: "runs" }, element("caption", { class: "hidden" }, "Runs and studies, the latest first"),
        element("thead", {}, element("tr", {}, head)), element("tbody", {}, rows)));
  }

  function compare() {
    const shown = runs.filter((run) => chosen.has(run.name));
    const names = [...new Set(shown.flatMap((run) => run.key_figures.map((figure) => figure.name)))];
    if (!names.length) {
      beside.replaceChildren(runs.length ? element("p", { class: "hint" }, "Choose runs with measured figures to see them side by side. The command affectspace evaluate measures a run.") : "");
      return;
    }
    const figureOf = (run, name) => run.key_figures.find((figure) => figure.name === name);
    const body = names.map((name) => element("tr", {}, element("th", { scope: "row" }, name), shown.map((run) => {
      const figure = figureOf(run, name);
      const how = figure && [figure.protocol, figure.n && `n ${figure.n.toLocaleString("en")}`].filter(Boolean).join(", ");
      return element("td", { class: "number" }, figureText(figure), how && element("span", { class: "hint block" }, how));
    })));
    const columns = [{ key: "figure" }, ...shown.map((run) => ({ key: run.name }))];
    const rows = names.map((name) => ({ figure: name, ...Object.fromEntries(shown.map((run) => [run.name, figureOf(run, name)?.value ?? null])) }));
    beside.replaceChildren(
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Key figures side by side" },
        element("table", {}, element("caption", {}, "Key figures side by side"),
          element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Figure"), shown.map((run) => element("th", { scope: "col", class: "number" }, titleOf(run))))),
          element("tbody", {}, body))),
      element("p", { class: "hint" }, "In brackets: 95 % interval. Figures of different corpora or protocols are not comparable."),
      element("div", {}, downloadButton("Download as CSV", "runs.csv", () => csvOf(columns, rows))));
  }

  function toggle(run, button) {
    const place = open.indexOf(run.name);
    if (place >= 0) {
      open.splice(place, 1);
      reports.children[place].remove();
    } else {
      if (open.length === REPORTS) {
        open.shift();
        reports.firstElementChild.remove();
        toast("Two reports fit beside each other. The first one was closed.");
      }
      open.push(run.name);
      reports.append(reportOf(run, () => { toggle(run, button); button.focus(); }));
      reports.lastElementChild.scrollIntoView({ block: "nearest" });
    }
    reports.dataset.count = String(open.length);
    for (const [row, one] of runs.entries()) {
      list.querySelectorAll("tbody tr")[row]?.querySelector("button")?.setAttribute("aria-pressed", String(open.includes(one.name)));
    }
  }

  function reportOf(run, close) {
    const title = `${CALM} ${titleOf(run)}`;
    // the frame runs nothing and has no access to this page
    const frame = element("iframe", { sandbox: "", src: run.report, title, loading: "lazy", referrerpolicy: "no-referrer" });
    return element("section", { class: "card report", "aria-label": title },
      element("div", { class: "row between" }, element("h3", {}, titleOf(run)),
        element("span", { class: "row" }, element("a", { href: run.report, target: "_blank", rel: "noopener noreferrer", class: "button" }, "Open alone"),
          element("button", { type: "button", onclick: close }, "Close"))),
      frame);
  }
}
