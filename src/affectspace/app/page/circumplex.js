// The map of valence and arousal as an SVG, with dominance as a bar beside it.

import { AXES, element, newId, signed, svg } from "./dom.js";

const SIZE = 400; // of the square from -1 to 1
const LEFT = 26;
const TOP = 4;
const BAR = LEFT + SIZE + 34; // middle of dominance's bar
const WIDTH = BAR + 40;
const HEIGHT = TOP + SIZE + 26;
const MARK = 6.5;

export const x = (value) => LEFT + (SIZE / 2) * (1 + value);
export const y = (value) => TOP + (SIZE / 2) * (1 - value);
const known = (estimate) => typeof estimate?.mean === "number";
const clamp = (value) => Math.max(-1, Math.min(1, value));

// What the marks of the kinds of points are called, unless the points say otherwise. A point's kind is its shape and colour, so that
// colour is never the only sign.
export const KINDS = { fused: "all together", text: "words", audio: "voice", video: "face", target: "target", start: "start" };

// The mark of a kind at (cx, cy).
export function mark(kind, cx, cy, size = MARK) {
  const shape = { class: `mark ${kind}` };
  if (kind === "audio") return svg("rect", { ...shape, x: cx - size * 0.9, y: cy - size * 0.9, width: 1.8 * size, height: 1.8 * size });
  if (kind === "video") {
    return svg("path", { ...shape, d: `M${cx} ${cy - 1.25 * size}L${cx + 1.15 * size} ${cy + 0.85 * size}H${cx - 1.15 * size}Z` });
  }
  if (kind === "target") return svg("path", { ...shape, d: `M${cx - size} ${cy}H${cx + size}M${cx} ${cy - size}V${cy + size}` });
  if (kind === "start") return svg("circle", { ...shape, cx, cy, r: size * 0.8 });
  if (kind === "fused") {
    return svg("g", {}, svg("circle", { class: "halo", cx, cy, r: size * 1.45 }), svg("circle", { ...shape, cx, cy, r: size * 1.45 }));
  }
  return svg("circle", { ...shape, cx, cy, r: size });
}

// A word along an edge. The words of arousal and dominance are turned.
function edgeWord(word, left, top, anchor, { turned = false, kind = "axis-word" } = {}) {
  return svg("text", { class: kind, x: left, y: top, "text-anchor": anchor, transform: turned && `rotate(-90 ${left} ${top})` }, word);
}

function background(behind) {
  const below = TOP + SIZE + 19;
  const beside = LEFT - 9;
  return svg("g", { class: "background" },
    svg("rect", { class: "plane", x: LEFT, y: TOP, width: SIZE, height: SIZE, rx: 6 }),
    svg("circle", { class: "rim", cx: x(0), cy: y(0), r: SIZE / 2 }),
    svg("path", { class: "cross", d: `M${x(-1)} ${y(0)}H${x(1)}M${x(0)} ${y(-1)}V${y(1)}` }),
    behind,
    edgeWord("unpleasant", x(-1), below, "start"), edgeWord("valence →", x(0), below, "middle", { kind: "axis-name" }),
    edgeWord("pleasant", x(1), below, "end"),
    edgeWord("calm", beside, y(-1), "start", { turned: true }),
    edgeWord("arousal →", beside, y(0), "middle", { turned: true, kind: "axis-name" }),
    edgeWord("excited", beside, y(1), "end", { turned: true }));
}

function ellipseOf(emotion) {
  const left = x(emotion.valence);
  const top = y(emotion.arousal);
  return svg("g", { class: "emotion" },
    svg("ellipse", { cx: left, cy: top, rx: (SIZE / 2) * emotion.valence_sd, ry: (SIZE / 2) * emotion.arousal_sd }),
    svg("text", { x: left, y: top + 4, "text-anchor": "middle" }, emotion.name));
}

function dominanceBar() {
  const beside = BAR + 34;
  return svg("g", { class: "background" },
    svg("rect", { class: "plane", x: BAR - 15, y: TOP, width: 30, height: SIZE, rx: 6 }),
    svg("path", { class: "cross", d: `M${BAR - 15} ${y(0)}H${BAR + 15}` }),
    edgeWord("controlled", beside, y(-1), "start", { turned: true }),
    edgeWord("dominance →", beside, y(0), "middle", { turned: true, kind: "axis-name" }),
    edgeWord("in control", beside, y(1), "end", { turned: true }));
}

function titleOf(point) {
  const ends = ({ mean, deviation }) => `${signed(mean)}${typeof deviation === "number" ? ` ± ${deviation.toFixed(2)}` : ""}`;
  return `${point.name}: ${AXES.filter((axis) => known(point[axis])).map((axis) => `${axis} ${ends(point[axis])}`).join(", ")}`;
}

// Where a point's mark lies on dominance's bar, and half the width of its band. Modalities lie beside each other.
function placeOnBar({ kind }, lone) {
  const wide = lone || kind === "fused" || kind === "start" || kind === "target";
  return { left: BAR + (wide ? 0 : { text: -8, audio: 0, video: 8 }[kind] ?? 0), half: wide ? 13 : 2, size: wide ? MARK : 4.5 };
}

// The ellipse and the band of a point: one standard deviation.
function spreadOf(point, clip, lone) {
  const { kind, valence, arousal, dominance } = point;
  const parts = [];
  if (known(valence) && known(arousal) && valence.deviation && arousal.deviation) {
    parts.push(svg("ellipse", {
      class: `spread ${kind}`, cx: x(clamp(valence.mean)), cy: y(clamp(arousal.mean)),
      rx: (SIZE / 2) * valence.deviation, ry: (SIZE / 2) * arousal.deviation, "clip-path": `url(#${clip})`,
    }));
  }
  if (known(dominance) && dominance.deviation) {
    const { left, half } = placeOnBar(point, lone);
    const top = y(clamp(dominance.mean + dominance.deviation));
    const height = y(clamp(dominance.mean - dominance.deviation)) - top;
    parts.push(svg("rect", { class: `spread ${kind}`, x: left - half, y: top, width: 2 * half, height }));
  }
  return parts;
}

function marksOf(point, lone) {
  const { kind, valence, arousal, dominance } = point;
  const group = svg("g", { class: `point ${kind}` }, svg("title", {}, titleOf(point)));
  if (known(valence) && known(arousal)) group.append(mark(kind, x(clamp(valence.mean)), y(clamp(arousal.mean))));
  else if (known(valence)) group.append(svg("path", { class: `mark line ${kind}`, d: `M${x(clamp(valence.mean))} ${y(-1)}V${y(1)}` }));
  else if (known(arousal)) group.append(svg("path", { class: `mark line ${kind}`, d: `M${x(-1)} ${y(clamp(arousal.mean))}H${x(1)}` }));
  if (known(dominance)) {
    const { left, size } = placeOnBar(point, lone);
    group.append(mark(kind, left, y(clamp(dominance.mean)), size));
  }
  return group;
}

// One sentence that says where the points lie, for readers who do not see the map.
function described(points) {
  const parts = points.map((point) =>
    `${point.name}: ${AXES.filter((axis) => known(point[axis])).map((axis) => `${axis} ${signed(point[axis].mean)}`).join(", ") || "no value"}`);
  return `Map of valence from left to right and arousal from bottom to top, with dominance beside it. ${parts.join("; ") || "No point yet"}.`;
}

// The kinds of the points that have a value, each with the name of its points.
function legendOf(points) {
  const names = new Map();
  for (const point of points.filter((one) => AXES.some((axis) => known(one[axis])))) {
    const name = point.group ?? point.name;
    names.set(point.kind, names.has(point.kind) && names.get(point.kind) !== name ? KINDS[point.kind] : name);
  }
  return [...names];
}

// Make the map. emotions : of emotionEllipses(), also the promise itself; onpick : called with (valence, arousal) at a click on the plane.
// Returns {element, show(points, {trail})}. points : [{name, kind, valence, arousal, dominance}] with axes {mean, deviation} as in the
// JSON of the service, also group : the name in the legend for several points; a point with one axis of the plane is a line
// kind : a key of KINDS; trail : [{valence, arousal}] of numbers, the oldest first
export function createCircumplex({ emotions = [], onpick = null } = {}) {
  const layer = svg("g", {});
  const behind = svg("g", {});
  Promise.resolve(emotions).then((known) => behind.replaceChildren(...known.map(ellipseOf)));
  const clip = newId("plane");
  const title = svg("title", {}, described([]));
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: onpick ? "map pickable" : "map" },
    title,
    svg("defs", {}, svg("clipPath", { id: clip }, svg("rect", { x: LEFT, y: TOP, width: SIZE, height: SIZE, rx: 6 }))),
    background(behind), dominanceBar(),
    layer);
  const legend = element("ul", { class: "legend" });

  if (onpick) {
    picture.addEventListener("click", (event) => {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
      if (place.x >= LEFT && place.x <= LEFT + SIZE && place.y >= TOP && place.y <= TOP + SIZE) {
        onpick((2 * (place.x - LEFT)) / SIZE - 1, 1 - (2 * (place.y - TOP)) / SIZE);
      }
    });
  }

  function show(points, { trail = [] } = {}) {
    const tail = trail.slice(1).map((end, place) => svg("line", {
      class: "trail", x1: x(clamp(trail[place].valence)), y1: y(clamp(trail[place].arousal)),
      x2: x(clamp(end.valence)), y2: y(clamp(end.arousal)), "stroke-opacity": (0.15 + (0.75 * (place + 1)) / trail.length).toFixed(2),
    }));
    const order = [...points].sort((one, other) => (one.kind === "fused") - (other.kind === "fused"));
    const lone = points.length === 1;
    layer.replaceChildren(...tail, ...order.flatMap((point) => spreadOf(point, clip, lone)), ...order.map((point) => marksOf(point, lone)));
    title.textContent = described(points);
    legend.replaceChildren(...legendOf(points).map(([kind, name]) => element("li", {},
      svg("svg", { viewBox: "0 0 20 20", class: "key", "aria-hidden": "true" }, mark(kind, 10, 10)), name)));
  }

  return { element: element("figure", { class: "circumplex" }, picture, legend), show };
}
