// The requests that failed or were rescued lately.
//
// A record never changes, so its row is made once. One that is open stays, even when the gateway has newer ones
// to tell than it was asked for.

import { at, arrange, h, Keyed, say, set, show, soon } from "./dom.js";
import { clock, many, took } from "./format.js";
import { facts, sketch, timeline } from "./timeline.js";

const rows = new Keyed();
let failures = [];
let known = false;
let changed = () => {};

/** How many are asked for. */
const LIMIT = 100;

/** What is asked for. */
export function query() {
  const pool = at("failures-pool").value;
  return `failures?limit=${LIMIT}${pool === "" ? "" : `&pool=${encodeURIComponent(pool)}`}`;
}

/** Shows requests; `then` is called when others are wanted. */
export function showFailures(told, then) {
  [failures, changed, known] = [told, then, true];
  draw();
}

/** The pools that can be chosen. */
export function offerPools(names) {
  const select = at("failures-pool");
  const has = [...select.options].slice(1).map((option) => option.value);
  if (has.length === names.length && has.every((name, i) => name === names[i])) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...names.map((name) => h("option", { value: name }, name)));
  select.value = names.includes(chosen) ? chosen : "";
}

at("failures-text").addEventListener("input", soon(draw));
at("failures-kind").addEventListener("change", draw);
at("failures-pool").addEventListener("change", () => changed());

const isFailed = (request) => request.reason !== undefined;

function draw() {
  if (!known) return;
  const text = at("failures-text").value.trim().toLowerCase();
  const [kind, pool] = [at("failures-kind").value, at("failures-pool").value];
  const fits = (request) =>
    (kind === "" || (kind === "failed") === isFailed(request)) &&
    (pool === "" || request.pool === pool) &&
    (text === "" || words(request).includes(text));
  const told = new Map();
  for (const request of failures) if (fits(request)) told.set(key(request), request);
  for (const [id, row] of rows.made) if (row.isOpen() && !told.has(id)) told.set(id, row.request);
  const sorted = [...told].sort(([, a], [, b]) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
  rows.keep(new Set(told.keys()));
  arrange(at("failure-list"), sorted.map(([id, request]) => rows.of(id, () => failureRow(request)).element));
  const failed = sorted.filter(([, request]) => isFailed(request)).length;
  say(at("failures-count"), sorted.length === 0 ? "" : `${failed} failed, ${sorted.length - failed} rescued${failures.length >= LIMIT ? ` of the last ${LIMIT}` : ""}`);
  const filtered = text !== "" || kind !== "" || pool !== "";
  say(at("failures-empty"), filtered ? "Nothing is like that." : "None since the gateway runs. Nothing failed, and nothing had to be tried twice.");
  show(at("failures-empty"), sorted.length === 0);
}

/** Ids are the client's if it sent one, so two requests may share theirs. */
const key = (request) => `${request.time} ${request.id} ${request.path}`;

const words = (request) =>
  [request.method, request.host, request.path, request.id, request.client, request.route, request.pool, request.reason, request.detail,
    request.origin, request.decision, String(request.status), ...request.attempts.flatMap((it) => [it.endpoint, it.outcome, it.detail])]
    .filter(Boolean).join("\n").toLowerCase();

let made = 0;

function failureRow(request) {
  const id = `failure-${++made}`;
  const failed = isFailed(request);
  const target = `${request.host ?? ""}${request.path}`;
  const panel = h("div", { class: "details", id, hidden: true });
  const toggle = h("button", { type: "button", class: "toggle", "aria-expanded": "false", "aria-controls": id },
    h("span", { class: "method" }, request.method), h("span", { class: "target", title: target }, target));
  const row = h("div", { class: "row" },
    h("time", { datetime: request.time, title: request.time }, clock(request.time)),
    h("span", { class: "verdict" },
      h("span", { class: "mark", "data-mark": failed ? "failed" : "rescued" }, failed ? "failed" : "rescued"),
      h("span", { class: "code" }, request.status === null ? "no answer" : String(request.status))),
    toggle,
    h("span", { class: "story" }, ...story(request)),
    h("span", { class: "pool-name muted" }, request.pool ?? ""),
    h("span", { class: "long" }, took(request.duration_ms)),
    sketch(request));
  const element = h("li", { class: "failure", "data-kind": failed ? "failed" : "rescued" }, row, panel);
  const isOpen = () => !panel.hidden;
  const turn = () => {
    if (panel.childElementCount === 0) {
      const pairs = facts(request).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)));
      panel.append(h("p", { class: "whole" }, `${request.method} ${target}`), timeline(request), h("dl", { class: "pairs" }, ...pairs));
    }
    show(panel, !isOpen());
    set(toggle, "aria-expanded", String(isOpen()));
  };
  row.addEventListener("click", () => getSelection().isCollapsed && turn());
  return { element, request, isOpen };
}

/** What happened, in a few words. */
function story(request) {
  const attempts = many(request.attempts.length + (request.attempts_omitted ?? 0), "attempt");
  const last = request.attempts.findLast((it) => it.outcome !== "completed");
  const what = request.reason ?? last?.outcome ?? "";
  const rest = isFailed(request) ? request.decision : last && `at ${last.endpoint}`;
  return [h("code", {}, what), rest ? ` ${rest}` : "", h("span", { class: "muted tries" }, ` · ${attempts}`)];
}
