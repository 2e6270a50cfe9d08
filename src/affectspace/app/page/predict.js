// The tab Predict: sentences, recordings, faces and clips as points on the map.

import { element } from "./dom.js";
import { createCircumplex } from "./circumplex.js";
import { emotionEllipses } from "./service.js";

export async function start(panel) {
  const map = createCircumplex({ emotions: await emotionEllipses() });
  map.show([]);
  panel.append(element("div", { class: "columns" }, element("div", { class: "stack" }), element("div", { class: "card" }, map.element)));
}
