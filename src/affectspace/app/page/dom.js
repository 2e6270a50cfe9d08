// Elements without innerHTML, numbers, and messages for eyes and screen readers.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// element("button", { type: "button", onclick: stop }, "Stop"): attributes that are null or false are left out; text stays text.
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// The same for a node of an SVG.
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

let lastId = 0;

// A name for an element's id that nothing else has.
export const newId = (prefix = "id") => `${prefix}-${++lastId}`;

// A label with its control below it. control : an element; hint : a sentence under the control
export function field(label, control, hint = null) {
  control.id ||= newId("field");
  const note = hint && element("p", { class: "hint", id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return element("div", { class: "field" }, element("label", { for: control.id }, label), control, note);
}

// A check box with its label beside it.
export function checkbox(label, control, hint = null) {
  control.id ||= newId("check");
  control.type = "checkbox";
  const note = hint && element("span", { class: "hint", id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return element("div", { class: "check" }, control, element("label", { for: control.id }, label), note);
}

export const AXES = ["valence", "arousal", "dominance"];

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// A value of an axis with its sign: +0.43, -0.10; "-" where there is none.
export function signed(value, digits = 2) {
  if (!isNumber(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? text : (value < 0 ? "−" : "+") + text;
}

export const fixed = (value, digits = 2) => (isNumber(value) ? value.toFixed(digits) : "–");
export const percent = (share) => (isNumber(share) ? `${Math.round(100 * share)} %` : "–");

// 75.3 -> "1:15.3"
export function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

// The children of a text in which commands stand between backticks.
export const withCode = (text) => text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));

// Say something to screen readers only.
export function announce(message) {
  const region = document.getElementById("announcements");
  region.textContent = "";
  setTimeout(() => { region.textContent = message; }, 50);
}

// Show a short message for some seconds. Errors belong beside the control instead: see tasks.js.
export function toast(message, seconds = 6) {
  const note = element("p", { class: "toast" }, message);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 1000 * seconds);
}

// Scroll to an element whose beginning is outside the window, as results are on a narrow screen.
export function bringIntoView(target) {
  const { top } = target.getBoundingClientRect();
  if (top >= 0 && top < 0.6 * innerHeight) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
}
