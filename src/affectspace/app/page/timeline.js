// The three axes over time above frames and waveform, with a cursor through all of them, as one SVG.

import { AXES, clock, signed, svg } from "./dom.js";

const LEFT = 8;
const PANEL = 112; // height of an axis
const GAP = 30; // above each panel, for its title
const STRIP = 60; // height of frames and of the waveform
const ENDS = { valence: ["unpleasant", "pleasant"], arousal: ["calm", "excited"], dominance: ["controlled", "in control"] };

const known = (estimate) => typeof estimate?.mean === "number";
const clamp = (value) => Math.max(-1, Math.min(1, value));
export const middleOf = (row) => (row.start + row.end) / 2;

// The axes that the rows have.
export const axesOf = (rows) => AXES.filter((axis) => rows.some((row) => known(row[axis])));

// The number of the row whose middle is nearest to a time.
export function rowAt(rows, time) {
  let best = 0;
  rows.forEach((row, place) => {
    if (Math.abs(middleOf(row) - time) < Math.abs(middleOf(rows[best]) - time)) best = place;
  });
  return best;
}

// A time as the unit of the series writes it.
export const timeOf = (time, unit) => (unit === "s" ? clock(time) : `${unit} ${Math.floor(time) + 1}`);

// Pieces of rows without a gap: a window without a value ends a line.
function pieces(rows, axis) {
  const found = [[]];
  for (const row of rows) {
    if (known(row[axis])) found.at(-1).push(row);
    else if (found.at(-1).length) found.push([]);
  }
  return found.filter((piece) => piece.length);
}

// The time between a row and the one before it. Windows overlap, so that their own ends would shade their neighbours.
function edgeBefore(rows, place) {
  if (place === 0) return rows[0].start;
  return place === rows.length ? rows.at(-1).end : (middleOf(rows[place - 1]) + middleOf(rows[place])) / 2;
}

function panelOf(axis, top, scene) {
  const { rows, x, width, bases, excursions } = scene;
  const y = (value) => top + (PANEL / 2) * (1 - clamp(value));
  const group = svg("g", { class: "axis" },
    svg("text", { class: "axis-name", x: LEFT, y: top - 9 }, axis),
    svg("rect", { class: "plane", x: LEFT, y: top, width, height: PANEL, rx: 4 }),
    svg("path", { class: "cross", d: `M${LEFT} ${y(0)}h${width}` }));
  for (const { first, last } of excursions.filter((excursion) => excursion.axis === axis)) {
    const left = x(edgeBefore(rows, first));
    group.append(svg("rect", { class: "excursion", x: left, y: top, width: Math.max(x(edgeBefore(rows, last + 1)) - left, 2), height: PANEL }));
  }
  for (const { low, high } of bases.filter((base) => base.axis === axis)) {
    group.append(svg("path", { class: "home", d: `M${LEFT} ${y(low)}h${width}M${LEFT} ${y(high)}h${width}` }));
  }
  for (const piece of pieces(rows, axis)) {
    const along = (shift) => piece.map((row) => `${x(middleOf(row)).toFixed(1)} ${y(row[axis].mean + shift * (row[axis].deviation ?? 0)).toFixed(1)}`);
    group.append(svg("path", { class: "band", d: `M${along(1).join("L")}L${along(-1).reverse().join("L")}Z` }));
    group.append(svg("path", { class: "line", d: `M${along(0).join("L")}` }));
    if (rows.length <= 60) group.append(...piece.map((row) => svg("circle", { class: "dot", cx: x(middleOf(row)), cy: y(row[axis].mean), r: 2.6 })));
  }
  for (const excursion of excursions.filter((one) => one.axis === axis)) {
    const left = x(middleOf(rows[excursion.place]));
    const up = excursion.side === "high" ? -1 : 1;
    const tip = y(excursion.peak) + 7 * up;
    group.append(svg("path", { class: "peak", d: `M${left} ${tip}l-5 ${8 * up}h10Z` }));
  }
  const [low, high] = ENDS[axis];
  group.append(
    svg("text", { class: "end", x: LEFT + 5, y: top + 14 }, `↑ ${high}`),
    svg("text", { class: "end", x: LEFT + 5, y: top + PANEL - 6 }, `↓ ${low}`));
  const value = svg("text", { class: "value", x: LEFT + width, y: top - 9, "text-anchor": "end" });
  const dot = svg("circle", { class: "at", r: 5 });
  group.append(value, dot);
  return {
    group,
    move(row) {
      const estimate = row[axis];
      dot.setAttribute("visibility", known(estimate) ? "visible" : "hidden");
      value.textContent = known(estimate) ? `${signed(estimate.mean)} ± ${(estimate.deviation ?? 0).toFixed(2)}` : "no value";
      if (known(estimate)) { dot.setAttribute("cx", x(middleOf(row))); dot.setAttribute("cy", y(estimate.mean)); }
    },
  };
}

function framesOf(frames, top, x, total) {
  const each = (x(total) - x(0)) / Math.max(frames.length, 1);
  const size = Math.min(each - 2, STRIP);
  return svg("g", { class: "frames" }, frames.map((frame) => svg("image", {
    href: frame.url, x: Math.min(x(frame.time), x(total) - size), y: top, width: size, height: STRIP, preserveAspectRatio: "xMidYMid slice",
  })));
}

function waveOf({ peaks, seconds }, top, x) {
  const middle = top + STRIP / 2;
  const at = (place) => x((seconds * (place + 0.5)) / peaks.length).toFixed(1);
  const edge = (sign) => peaks.map((peak, place) => `${at(place)} ${(middle + sign * Math.max(peak * STRIP * 0.5, 0.4)).toFixed(1)}`);
  return svg("path", { class: "wave", d: `M${edge(-1).join("L")}L${edge(1).reverse().join("L")}Z` });
}

function ticksOf(from, total, unit, x, top) {
  const span = total - from;
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((size) => span / size <= 6) ?? Math.ceil(span / 6);
  const ticks = [];
  for (let time = Math.ceil(from / step) * step; time <= total; time += step) {
    if (unit !== "s" && time >= total) break;
    const left = x(unit === "s" ? time : time + 0.5);
    const name = unit === "s" ? `${Math.floor(time / 60)}:${String(Math.round(time % 60)).padStart(2, "0")}` : String(time + 1);
    const anchor = left < LEFT + 14 ? "start" : left > x(total) - 14 ? "end" : "middle";
    ticks.push(svg("text", { x: left, y: top, "text-anchor": anchor }, name));
  }
  return ticks;
}

// What the picture shows, for readers who do not see it.
function described(rows, axes, unit) {
  const ranges = axes.map((axis) => {
    const values = rows.filter((row) => known(row[axis])).map((row) => row[axis].mean);
    return `${axis} between ${signed(Math.min(...values))} and ${signed(Math.max(...values))}`;
  });
  return `${rows.length} windows from ${timeOf(rows[0].start, unit)} to ${timeOf(Math.max(rows.at(-1).end - 1e-6, 0), unit)}: ${ranges.join(", ")}.`;
}

// Draw a series. answer : of /v1/trajectory; rows, bases, excursions : of the speaker that is shown, where an excursion's `place`,
// `first` and `last` are the numbers of its peak and its ends among the rows; width : in pixels; onmove : called with the time that was pointed at.
// Returns {element, move(time), from, total}
export function createTimeline({ answer, rows, bases, excursions, width, onmove }) {
  const { unit, waveform, frames } = answer;
  const from = unit === "s" && (waveform || frames.length) ? 0 : answer.rows[0].start;
  const total = Math.max(...answer.rows.map((row) => row.end), unit === "s" && waveform ? waveform.seconds : 0, from + 1e-3);
  const inner = width - 2 * LEFT;
  const x = (time) => LEFT + (inner * (Math.min(Math.max(time, from), total) - from)) / (total - from);
  const scene = { rows, x, width: inner, bases, excursions };
  const axes = axesOf(rows);
  const picture = svg("svg", { class: "timeline", role: "img", width, "aria-label": described(rows, axes, unit) });
  let top = GAP;
  const panels = axes.map((axis) => {
    const panel = panelOf(axis, top, scene);
    top += PANEL + GAP;
    picture.append(panel.group);
    return panel;
  });
  top -= GAP - 10;
  if (frames.length) { picture.append(framesOf(frames, top, x, total)); top += STRIP + 6; }
  if (waveform) { picture.append(waveOf(waveform, top, x)); top += STRIP + 6; }
  const bottom = top;
  picture.append(...ticksOf(from, total, unit, x, bottom + 14));
  picture.setAttribute("height", bottom + 22);
  const line = svg("path", { class: "cursor" });
  picture.append(line);

  const pointed = (event) => {
    const { left } = picture.getBoundingClientRect();
    onmove(from + ((event.clientX - left - LEFT) / inner) * (total - from));
  };
  picture.addEventListener("pointerdown", (event) => { picture.setPointerCapture(event.pointerId); pointed(event); });
  picture.addEventListener("pointermove", (event) => { if (event.buttons) pointed(event); });

  return {
    element: picture, from, total,
    move(time) {
      line.setAttribute("d", `M${x(time).toFixed(1)} ${GAP}V${bottom}`);
      const row = rows[rowAt(rows, time)];
      for (const panel of panels) panel.move(row);
    },
  };
}
