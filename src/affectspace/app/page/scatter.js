// Many rows on the map: an emotion has a colour and a shape, so that colour is never the only sign.

import { element, signed, svg } from "./dom.js";
import { x, y } from "./circumplex.js";

// The colours of the reports: Okabe and Ito's for the basic emotions, Tol's for the others.
const COLOURS = {
  neutral: "#6e6e6e", happiness: "#e69f00", sadness: "#0072b2", anger: "#c9400a", fear: "#cc79a7", disgust: "#009e73", surprise: "#4fb3ea",
  contempt: "#882255", calm: "#44aa99", boredom: "#8c8c2b", excitement: "#d9b300", frustration: "#6b3d0f",
};
const NAMES = Object.keys(COLOURS);
const RADIUS = 4.2;
const around = (corners, turn, inner = 1) => Array.from({ length: corners * (inner === 1 ? 1 : 2) }, (_, place) => {
  const angle = (place * Math.PI * 2) / (corners * (inner === 1 ? 1 : 2)) + turn;
  const size = inner !== 1 && place % 2 ? inner : 1;
  return [Math.cos(angle) * size, Math.sin(angle) * size];
});
const up = -Math.PI / 2;
const SHAPES = [null, around(3, up), around(3, -up), around(4, Math.PI / 4), around(4, 0), around(5, up, 0.45), around(4, up, 0.4), around(5, up), around(6, 0)];

export const colourOf = (emotion) => COLOURS[emotion] ?? "var(--muted)";

// The mark of an emotion at (cx, cy).
export function dot(emotion, cx, cy, radius = RADIUS) {
  const corners = SHAPES[(NAMES.indexOf(emotion) + SHAPES.length) % SHAPES.length];
  const style = { class: "dot", fill: colourOf(emotion) };
  if (!corners) return svg("circle", { ...style, cx, cy, r: radius });
  return svg("polygon", { ...style, points: corners.map(([right, down]) => `${(cx + 1.25 * radius * right).toFixed(1)},${(cy + 1.25 * radius * down).toFixed(1)}`).join(" ") });
}

// Draw rows on a map of `createCircumplex`. points : [{row, valence, arousal, emotion}]; name : what the picture is called
export function drawRows(map, points, name) {
  const emotions = NAMES.filter((emotion) => points.some((point) => point.emotion === emotion));
  const radius = Math.max(RADIUS, Math.min(7, 40 / Math.sqrt(points.length || 1)));
  const rows = points.map((point) => {
    const mark = dot(point.emotion, x(Math.max(-1, Math.min(1, point.valence))), y(Math.max(-1, Math.min(1, point.arousal))), radius);
    mark.append(svg("title", {}, `row ${point.row}: ${point.emotion ?? "no emotion"}, valence ${signed(point.valence)}, arousal ${signed(point.arousal)}`));
    return mark;
  });
  const picture = map.element.querySelector("svg.map");
  const [, , , height] = picture.getAttribute("viewBox").split(" ");
  picture.setAttribute("viewBox", `0 0 ${x(1) + 4} ${height}`); // rows have no dominance: its bar is cut off
  picture.append(svg("g", { class: "rows" }, rows));
  picture.querySelector("title").textContent = name;
  map.element.querySelector(".legend").replaceChildren(...emotions.map((emotion) => element("li", {},
    svg("svg", { viewBox: "0 0 20 20", class: "key", "aria-hidden": "true" }, dot(emotion, 10, 10, 6)), emotion)));
}
