// The attempts of a request on one time line.
//
// A bar for each attempt, from its beginning to its end, all on the scale of the request. Within a bar:
// the connection being made, the wait for the answer's first byte, the answer itself. The same stands beside it
// in words, since a bar alone can be told neither by colour nor by a screen reader.

import { h, svg } from "./dom.js";
import { clock, took } from "./format.js";

/** How long it took, attempts that outlast the request included. */
function extent(request) {
  const ends = request.attempts.map((it) => (it.start_ms ?? 0) + it.duration_ms);
  return Math.max(request.duration_ms, ...ends, 0.001);
}

/** Whether an attempt came to an answer that was passed on whole. */
const went = (attempt) => attempt.outcome === "completed";

/** The attempts as small bars, for a row. */
export function sketch(request) {
  const all = extent(request);
  const picture = svg("svg", { class: "sketch", viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("line", { class: "base", x1: 0, x2: 100, y1: 6, y2: 6 }));
  for (const attempt of request.attempts) {
    const [x, width] = [((attempt.start_ms ?? 0) / all) * 100, Math.max(1.5, (attempt.duration_ms / all) * 100)];
    picture.append(svg("rect", { class: went(attempt) ? "good" : "bad", x: Math.min(x, 98.5), y: went(attempt) ? 2 : 0, width, height: went(attempt) ? 8 : 12 }));
  }
  return picture;
}

/** The time line of a request. */
export function timeline(request) {
  const all = extent(request);
  if (request.attempts.length === 0) return h("p", { class: "muted" }, "No attempt was made.");
  const step = stepOf(all);
  const items = request.attempts.map((attempt, i) => line(attempt, i, all, step));
  if (request.attempts_omitted > 0) {
    // The record keeps the first and the last.
    items.splice(-1, 0, h("li", { class: "omitted muted" }, `… and ${request.attempts_omitted} more like these`));
  }
  const legend = [["connect", "connecting"], ["wait", "waiting for the first byte"], ["answer", "answer"]];
  return h("div", { class: "timeline" },
    h("p", { class: "legend muted", "aria-hidden": "true" },
      ...legend.map(([phase, text]) => h("span", {}, h("i", { "data-phase": phase }), text))),
    scale(all, step),
    h("ol", { "aria-label": "Attempts" }, ...items));
}

/** How far marks are apart: the least of 1, 2, 5, 10, … with which there are five at most. */
function stepOf(all) {
  const power = 10 ** Math.floor(Math.log10(all / 5));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => all / step <= 5);
}

function scale(all, step) {
  const marks = [];
  for (let at = 0; at <= all * 0.93; at += step) {
    const mark = h("span", {}, at === 0 ? "0" : took(at));
    mark.style.left = `${(at / all) * 100}%`;
    marks.push(mark);
  }
  return h("div", { class: "scale muted", "aria-hidden": "true" }, h("div", {}, ...marks));
}

function line(attempt, i, all, step) {
  const start = attempt.start_ms ?? 0;
  const bar = h("div", { class: "bar", "data-went": String(went(attempt)) }, ...phases(attempt));
  bar.style.left = `${Math.min((start / all) * 100, 99)}%`;
  bar.style.width = `${(attempt.duration_ms / all) * 100}%`;
  const track = h("div", { class: "track", "aria-hidden": "true" }, bar);
  track.style.backgroundSize = `${(step / all) * 100}% 100%`;
  return h("li", {},
    h("span", { class: "who" }, h("span", { class: "muted" }, `${i + 1} `), h("code", {}, attempt.endpoint)),
    track,
    h("p", { class: "told" },
      h("strong", { class: went(attempt) ? "good" : "bad" }, attempt.outcome),
      attempt.status ? ` ${attempt.status}` : null,
      attempt.decision ? h("span", { class: "decision" }, ` → ${attempt.decision}`) : null,
      h("span", { class: "muted" }, ` ${times(attempt)}`),
      attempt.detail ? h("span", { class: "detail" }, attempt.detail) : null));
}

/** The parts of a bar: a connection that failed took all of it. */
function phases({ connect_ms: connect, first_byte_ms: first, duration_ms: all, reused }) {
  const stood = reused ? 0 : Math.min(connect ?? all, all);
  const began = Math.max(stood, Math.min(first ?? all, all));
  const parts = [["connect", stood], ["wait", began - stood], ["answer", all - began]];
  return parts.filter(([, length]) => length > 0).map(([phase, length]) => {
    const part = h("i", { "data-phase": phase });
    part.style.flexGrow = length;
    return part;
  });
}

function times(attempt) {
  const { start_ms: start = 0, connect_ms: connect, first_byte_ms: first, duration_ms: all, reused, sent } = attempt;
  return [
    `at ${took(start)}`,
    reused ? "kept connection" : connect === undefined ? "no connection" : `connected in ${took(connect)}`,
    first !== undefined && `first byte after ${took(first)}`,
    `${took(all)} in all`,
    sent && `sent: ${sent}`,
  ].filter(Boolean).join(" · ");
}

/** What else the record says, as pairs. */
export function facts(request) {
  const pool = request.total === undefined ? request.pool : `${request.pool}, ${request.healthy} of ${request.total} healthy then`;
  return [
    ["Request id", request.id],
    ["Time", `${clock(request.time)} (${request.time})`],
    ["Client", `${request.client}, ${request.protocol}`],
    ["Route", request.route],
    ["Pool", pool],
    ["Reason", [request.reason, request.detail].filter(Boolean).join(": ")],
    ["Whose doing", request.origin],
    ["Not tried again", request.decision],
    ["Waited in the queue", request.queued_ms && took(request.queued_ms)],
    ["Trace", request.trace_id],
    ["Bytes", `${request.bytes_in} in, ${request.bytes_out} out`],
  ].filter(([, text]) => text);
}
