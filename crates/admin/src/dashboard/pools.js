// The pools and their endpoints.
//
// What is in trouble comes first and is open; endpoints about which there is nothing to say are counted,
// and shown when they are asked for. A pool that has opened by itself stays open when it is well again,
// since somebody may be reading it.

import { at, arrange, h, Keyed, say, set, show, soon } from "./dom.js";
import { count, many, share } from "./format.js";
import { endpointRow, ORDER } from "./endpoint.js";

/** Up to so many endpoints a pool is shown whole. */
const SMALL = 12;
/** Up to so many pools are open from the start. */
const FEW = 6;

const cards = new Keyed();
let pools = [];
let changed = () => {};

/** Nothing to say about it: it is healthy, as far as is known, and as it is configured. */
const isPlain = (endpoint) => endpoint.status === "healthy" && endpoint.reachable && !endpoint.override;
/** Out, and not because somebody wanted it. */
const DOWN = new Set(["failing", "ejected", "probation"]);

/** The pools whose endpoints are looked at. */
export const opened = () => pools.filter((pool) => cards.made.get(pool.name)?.isOpen()).map((pool) => pool.name);

/** How many endpoints are out that should not be. */
export const downCount = () => pools.flatMap((pool) => pool.statuses)
  .reduce((sum, { status, count }) => sum + (DOWN.has(status) ? count : 0), 0);

/** Shows pools; `then` is called when something has been done to one, or one was opened. */
export function showPools(told, then) {
  pools = told;
  changed = then;
  draw();
}

/** Shows nothing but what has this status, or is `troubled` or `overridden`. */
export function only(status) {
  at("pools-status").value = status;
  draw();
  at("pools").scrollIntoView();
  at("pools-status").focus();
}

at("pools-text").addEventListener("input", soon(() => draw()));
at("pools-status").addEventListener("change", () => draw());

/** What the operator looks for: of a pool `null` (it is not it), or the endpoints that are. */
function filter() {
  const text = at("pools-text").value.trim().toLowerCase();
  const status = at("pools-status").value;
  const has = (...texts) => texts.some((it) => it && it.toLowerCase().includes(text));
  const fits = {
    "": () => true,
    troubled: (endpoint) => endpoint.status !== "healthy" || !endpoint.reachable,
    overridden: (endpoint) => endpoint.override !== undefined,
  }[status] ?? ((endpoint) => endpoint.status === status);
  const active = text !== "" || status !== "";
  const of = (pool) => {
    const endpoints = pool.endpoints ?? [];
    if (!active) return endpoints;
    const byName = has(pool.name);
    const found = endpoints.filter((it) =>
      fits(it) && (byName || has(it.address, it.status, it.why, it.zone, it.last_probe?.error)));
    return found.length > 0 || (byName && status === "") ? found : null;
  };
  return { active, of };
}

const urgency = (pool) => (pool.healthy === 0 ? 0 : pool.statuses.some((it) => DOWN.has(it.status)) ? 1 : pool.healthy < pool.total ? 2 : 3);

function draw() {
  if (pools.length === 0) return say(at("pools-empty"), "No pools are configured.");
  const { active, of } = filter();
  cards.keep(new Set(pools.map((pool) => pool.name)));
  const sorted = [...pools].sort((a, b) => urgency(a) - urgency(b) || a.name.localeCompare(b.name));
  const shown = [];
  let found = 0;
  for (const pool of sorted) {
    const endpoints = of(pool);
    if (endpoints === null) continue;
    found += endpoints.length;
    const card = cards.of(pool.name, () => poolCard(pool));
    card.update(pool, endpoints, active);
    shown.push(card.element);
  }
  arrange(at("pool-list"), shown);
  const total = pools.reduce((sum, pool) => sum + pool.total, 0);
  say(at("pools-count"), active
    ? `${many(found, "endpoint")} of ${count(total)} found`
    : `${many(total, "endpoint")} in ${many(pools.length, "pool")}`);
  say(at("pools-empty"), "Nothing is like that. Another filter shows more.");
  show(at("pools-empty"), shown.length === 0);
}

function poolCard(first) {
  const id = `pool-${encodeURIComponent(first.name)}`;
  const rows = new Keyed();
  const view = { open: pools.length <= FEW, byHand: false, all: first.total <= SMALL };
  let pool = first;
  let endpoints = [];
  let filtered = false;

  const body = h("div", { class: "rows", role: "rowgroup" });
  const more = h("button", { type: "button", class: "more", on: { click: () => { view.all = !view.all; update(pool, endpoints, filtered); } } });
  const table = h("div", { class: "endpoints", role: "table", "aria-label": `Endpoints of ${first.name}` }, heads(), body);
  const content = h("div", { class: "content", id }, table, more);
  const toggle = h("button", { type: "button", class: "toggle", "aria-controls": id, on: { click: turn } }, first.name);
  const [health, marks, numbers] = [h("span", { class: "health" }), h("span", { class: "marks" }), h("span", { class: "numbers muted" })];
  const bar = h("span", { class: "shares", "aria-hidden": "true" });
  const head = h("div", { class: "pool-head" }, h("h3", {}, toggle), bar, health, marks, numbers);
  const element = h("article", { class: "pool" }, head, content);
  const [segments, tags] = [new Keyed(), new Keyed()];

  function turn() {
    view.open = !isOpen();
    view.byHand = true;
    update(pool, endpoints, filtered);
    if (pool.endpoints === undefined) changed();
  }

  const isOpen = () => view.open;

  function update(told, some, active) {
    [pool, endpoints, filtered] = [told, some, active];
    const troubled = pool.healthy < pool.total;
    if (!view.byHand && pool.endpoints !== undefined && (troubled || some.some((it) => !isPlain(it)))) view.open = true;
    const open = isOpen() || (filtered && !view.byHand && some.length > 0);
    set(toggle, "aria-expanded", String(open));
    show(content, open);
    set(element, "data-urgency", urgency(pool));
    describe();
    if (!open) return;
    drawRows();
  }

  function describe() {
    say(health, pool.total === 0 ? "no endpoints" : `${count(pool.healthy)} of ${count(pool.total)} healthy`);
    const others = pool.statuses.filter((it) => it.status !== "healthy" && it.count > 0);
    tags.keep(new Set(others.map((it) => it.status)));
    arrange(marks, others.map(({ status, count: n }) => {
      const tag = tags.of(status, () => h("span", { class: "mark", "data-mark": status }));
      say(tag, `${count(n)} ${status}`);
      return tag;
    }));
    const some = pool.statuses.filter((it) => it.count > 0);
    segments.keep(new Set(some.map((it) => it.status)));
    arrange(bar, some.map(({ status, count: n }) => {
      const segment = segments.of(status, () => h("i", { "data-mark": status }));
      segment.style.flexGrow = n;
      return segment;
    }));
    const waiting = pool.waiting > 0 ? `${count(pool.waiting)} waiting · ` : "";
    const probed = pool.probed ? "probed" : "not probed";
    say(numbers, `${waiting}${many(pool.attempts, "attempt")}, ${share(pool.failed, pool.attempts)} failed · ${pool.protocol} · ${probed}`);
  }

  function drawRows() {
    const held = document.activeElement?.closest?.(".endpoint");
    const isKept = (endpoint) => {
      const row = rows.made.get(endpoint.address);
      return row && (row.isOpen() || row.element === held);
    };
    const everybody = pool.endpoints ?? [];
    rows.keep(new Set(everybody.map((it) => it.address)));
    const plain = endpoints.filter(isPlain).length;
    const chosen = new Set(endpoints.filter((it) => view.all || filtered || !isPlain(it) || isKept(it)));
    // What is open stays, whatever is looked for.
    everybody.filter(isKept).forEach((it) => chosen.add(it));
    const place = new Map(everybody.map((it, i) => [it, i]));
    const sorted = [...chosen].sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status)
      || a.reachable - b.reachable || place.get(a) - place.get(b));
    arrange(body, sorted.map((endpoint) => {
      const row = rows.of(endpoint.address, () => endpointRow(pool.name));
      row.update(endpoint, pool, () => changed());
      return row.element;
    }));
    show(table, sorted.length > 0);
    show(more, !filtered && plain > 0 && pool.total > SMALL);
    say(more, view.all ? "Show only what needs a look" : `Show ${many(plain, "healthy endpoint")}${sorted.length > 0 ? " more" : ""}`);
    if (pool.endpoints === undefined) {
      show(more, true);
      say(more, "Asking for its endpoints …");
    }
  }

  return { element, update, isOpen };
}

function heads() {
  const names = ["Status", "Endpoint", "Why", "Since", "In flight", "Latency", "Weight", "Attempts", "Failed"];
  return h("div", { role: "rowgroup", class: "heads" },
    h("div", { role: "row", class: "row" }, ...names.map((name) => h("span", { role: "columnheader" }, name))));
}
