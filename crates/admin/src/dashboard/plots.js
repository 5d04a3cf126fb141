// What happened lately, as plots, and the same as a table.
//
// Each plot has its own scale: failures are few beside requests, and are what one looks for. Steps are
// drawn as steps, so that a single one stands out. The picture has a title and a description; the
// numbers stand in the table, too.

import { at, h, Keyed, arrange, say, set, svg } from "./dom.js";
import { clock, count, rate, span } from "./format.js";

const SERIES = [
  ["requests", "Requests", "that ended"],
  ["failed", "Failed", "by the gateway or an endpoint"],
  ["rescued", "Rescued", "by a retry: no client saw it"],
  ["retries", "Retries", "attempts after the first"],
];
/** The picture's own units; it is stretched to the room that there is. */
const [WIDTH, HEIGHT] = [600, 100];
/** More steps than this cannot be told apart: neighbours are drawn as one. */
const DRAWN = 160;
/** Fewer than this begin at the right, or the first ones would be blocks. */
const SPARSE = 40;

const plots = new Map();
const rows = new Keyed();
let history = { step_s: 1, steps: [] };

/** Shows a history. */
export function showHistory(told) {
  history = told;
  const { step_s, steps } = history;
  if (plots.size === 0) build();
  const all = step_s * 1000 * steps.length;
  say(at("traffic-span"), steps.length === 0 ? "nothing recorded yet" : `the last ${span(all)}, a step is ${span(step_s * 1000)}`);
  for (const [name, plot] of plots) plot.draw(drawn(name), all);
  if (at("plots-table").closest("details").open) showTable();
}

function build() {
  for (const [name, title, what] of SERIES) plots.set(name, plot(name, title, what));
  at("plots").append(...[...plots.values()].map((it) => it.element));
  at("plots-table").closest("details").addEventListener("toggle", showTable);
}

/** What is drawn of a series: points with a rate, the end of their time, and how much of it they are. */
function drawn(name) {
  const { step_s, steps } = history;
  const size = Math.ceil(steps.length / DRAWN);
  // By the clock, so that the same steps are together each time.
  const group = (step) => Math.floor(Math.round(Date.parse(step.time) / 1000 / step_s) / size);
  const parts = [];
  steps.forEach((step, i) => {
    if (i > 0 && group(step) === group(steps[i - 1])) parts.at(-1).push(step);
    else parts.push([step]);
  });
  return parts.map((part) => {
    const sum = part.reduce((before, step) => before + step[name], 0);
    return { time: part.at(-1).time, sum, rate: sum / (step_s * part.length) };
  });
}

function plot(name, title, what) {
  const label = svg("title", { id: `plot-${name}-title` });
  const description = svg("desc", { id: `plot-${name}-desc` });
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const guide = svg("line", { class: "guide", y1: 0, y2: HEIGHT, visibility: "hidden" });
  const picture = svg(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-labelledby": `plot-${name}-title`,
      "aria-describedby": `plot-${name}-desc`,
    },
    label, description,
    svg("line", { class: "peak", x1: 0, x2: WIDTH, y1: 0, y2: 0 }),
    svg("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    area, line, guide,
  );
  const [now, top, from, until, sum] = [1, 2, 3, 4, 5].map(() => h("span"));
  const element = h(
    "figure", { class: "plot", "data-series": name },
    h("figcaption", {}, h("span", { class: "name" }, title), h("span", { class: "muted" }, what)),
    h("p", { class: "now" }, now, h("small", {}, " / s"), h("span", { class: "muted sum" }, sum)),
    h("div", { class: "frame" }, h("span", { class: "most muted", "aria-hidden": "true" }, top), picture),
    h("p", { class: "axis muted", "aria-hidden": "true" }, from, until),
  );
  say(label, `${title} a second`);

  let points = [];
  const readOut = (index) => {
    const point = points[index] ?? points.at(-1);
    say(now, point ? rate(point.rate) : "–");
    const slots = Math.max(points.length, SPARSE);
    const x = ((slots - points.length + index + 0.5) / slots) * WIDTH;
    set(guide, "visibility", points[index] ? "visible" : "hidden");
    if (points[index]) ["x1", "x2"].forEach((end) => set(guide, end, x.toFixed(1)));
    say(until, points[index] ? `at ${clock(point.time)}` : "now");
    element.classList.toggle("read", Boolean(points[index]));
  };
  picture.addEventListener("pointermove", (event) => {
    const { left, width } = picture.getBoundingClientRect();
    const slots = Math.max(points.length, SPARSE);
    const index = Math.floor(((event.clientX - left) / width) * slots) - (slots - points.length);
    for (const other of plots.values()) other.readOut(index);
  });
  picture.addEventListener("pointerleave", () => {
    for (const other of plots.values()) other.readOut(-1);
  });

  const draw = (told, all) => {
    points = told;
    const peak = Math.max(0, ...points.map((point) => point.rate));
    const total = points.reduce((before, point) => before + point.sum, 0);
    const outline = outlined(points, peak);
    set(line, "d", outline);
    set(area, "d", outline && `${outline}V${HEIGHT}H${start(points)}Z`);
    say(top, peak > 0 ? `at most ${rate(peak)} / s` : "");
    say(sum, points.length === 0 ? "" : total === 0 ? "none" : `${count(total)} in ${span(all)}`);
    say(from, points.length < SPARSE ? "" : clock(points[0].time));
    say(description, `${count(total)} ${what} in the last ${span(all)}; at most ${rate(peak)} a second, ${rate(points.at(-1)?.rate ?? 0)} a second now.`);
    set(element, "data-none", total === 0);
    if (!element.classList.contains("read")) readOut(-1);
  };
  return { element, draw, readOut };
}

/** The upper edge of the steps, from left to right. */
function outlined(points, peak) {
  const width = WIDTH / Math.max(points.length, SPARSE);
  // What is there at all is at least a line high.
  const y = (value) => (HEIGHT - Math.max(value > 0 ? 3 : 0, (value / (peak || 1)) * HEIGHT)).toFixed(1);
  return points.map((point, i) => `${i === 0 ? `M${start(points)} ` : "V"}${y(point.rate)}H${(start(points) + (i + 1) * width).toFixed(1)}`).join("");
}

/** Where the first step begins. */
const start = (points) => (Math.max(0, SPARSE - points.length) / SPARSE) * WIDTH;

function showTable() {
  const place = at("plots-table");
  if (!place.closest("details").open) return;
  if (place.childElementCount === 0) {
    const heads = ["Until", ...SERIES.map(([, title]) => title), "In flight"];
    place.append(h("table", {},
      h("caption", { class: "aside" }, "Requests in each step, the newest first"),
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody")));
  }
  const steps = [...history.steps].reverse();
  rows.keep(new Set(steps.map((step) => step.time)));
  arrange(place.querySelector("tbody"), steps.map((step) => rows.of(step.time, () => {
    const numbers = [...SERIES.map(([name]) => name), "in_flight"];
    return h("tr", {}, h("th", { scope: "row" }, clock(step.time)), ...numbers.map((name) => h("td", {}, count(step[name]))));
  })));
}
