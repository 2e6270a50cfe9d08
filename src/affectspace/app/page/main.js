// The frame: tabs, theme, and loading of each tab's module when it is first shown.

import { announce, element, toast } from "./dom.js";

const tabs = [...document.querySelectorAll('[role="tab"]')];
const loaded = new Map(); // name of a tab -> promise of its module

const nameOf = (tab) => tab.id.slice("tab-".length);
const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
const tabNamed = (name) => tabs.find((tab) => nameOf(tab) === name);

// A tab's module exports start(panel), called once, and may export shown() and left(), called at each change of tab.
async function load(name, panel) {
  if (!loaded.has(name)) {
    loaded.set(name, import(`./${name}.js`).then(async (module) => {
      await module.start(panel);
      return module;
    }));
  }
  try {
    return await loaded.get(name);
  } catch (error) {
    loaded.delete(name);
    panel.replaceChildren(element("p", { class: "error", role: "alert" }, `This tab could not be opened: ${error.message}`));
    return {};
  }
}

let current = null;

async function show(name, { focus = false } = {}) {
  const tab = tabNamed(name) ?? tabs[0];
  name = nameOf(tab);
  for (const other of tabs) {
    const selected = other === tab;
    other.setAttribute("aria-selected", String(selected));
    other.tabIndex = selected ? 0 : -1;
    panelOf(other).hidden = !selected;
  }
  if (focus) tab.focus();
  if (name === current) return;
  const previous = current;
  current = name;
  document.title = `${tab.textContent} - affectspace`;
  if (previous) (await load(previous, panelOf(tabNamed(previous)))).left?.();
  const module = await load(name, panelOf(tab));
  if (current === name) module.shown?.();
}

function choose(tab) {
  const hash = `#${nameOf(tab)}`;
  if (location.hash !== hash) history.pushState(null, "", hash);
  show(nameOf(tab), { focus: true });
}

const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

for (const [place, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    let next = null;
    if (event.key in steps) next = tabs[(place + steps[event.key] + tabs.length) % tabs.length];
    if (event.key === "Home") next = tabs[0];
    if (event.key === "End") next = tabs.at(-1);
    if (!next) return;
    event.preventDefault();
    choose(next);
  });
}

const nameInAddress = () => location.hash.slice(1).split("/")[0];
const follow = () => { if (!location.hash || tabNamed(nameInAddress())) show(nameInAddress() || nameOf(tabs[0])); };
addEventListener("popstate", follow);
addEventListener("hashchange", follow);

// Theme: that of the system until the button is pressed; the choice is remembered by the browser.

const themeButton = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");

function remembered() {
  try { return localStorage.getItem("theme"); } catch { return null; }
}

// The button names what it switches to.
function applyTheme(chosen = remembered()) {
  if (chosen) document.documentElement.dataset.theme = chosen;
  const dark = chosen ? chosen === "dark" : system.matches;
  themeButton.value = dark ? "light" : "dark";
  themeButton.lastElementChild.textContent = dark ? "Light colours" : "Dark colours";
}

themeButton.addEventListener("click", () => {
  const chosen = themeButton.value;
  try { localStorage.setItem("theme", chosen); } catch { toast("The browser does not keep the theme."); }
  applyTheme(chosen);
  announce(`${chosen === "dark" ? "Dark" : "Light"} colours`);
});
system.addEventListener("change", () => applyTheme());

applyTheme();
follow();
if (!current) show(nameOf(tabs[0]));
