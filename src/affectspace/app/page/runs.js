import { element } from "./dom.js";

export function start(panel) {
  panel.append(element("p", {}, "This tab is not built yet."));
}
