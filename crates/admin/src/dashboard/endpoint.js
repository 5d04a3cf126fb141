// A row for an endpoint; opened, it shows all that is known and what can be done.

import { now } from "./api.js";
import { ACTIONS, confirm } from "./action.js";
import { arrange, h, Keyed, say, set, show } from "./dom.js";
import { clock, count, share, span, took } from "./format.js";

/** The statuses, the worst first. */
export const ORDER = ["failing", "ejected", "probation", "pending", "draining", "disabled", "healthy"];

let made = 0;

/** A row of this pool. */
export function endpointRow(poolName) {
  const id = `endpoint-${++made}`;
  let endpoint, pool, changed;
  let details = null;

  const mark = h("span", { class: "mark" });
  const until = h("span", { class: "until muted" });
  const toggle = h("button", { type: "button", class: "toggle address", "aria-expanded": "false", "aria-controls": id, on: { click: turn } });
  const tags = h("span", { class: "tags" });
  const why = h("span", { class: "why" });
  const probe = h("span", { class: "probe muted" });
  const [since, flying, latency, weight, attempts, failed] = [1, 2, 3, 4, 5, 6].map(() => h("span"));
  const cell = (name, ...content) => h("span", { role: "cell", class: `cell ${name}` }, ...content);
  const figure = (label, content) => h("span", { role: "cell", class: "cell figure", "data-label": label }, content);
  const row = h("div", { role: "row", class: "row" },
    cell("status", mark, until), cell("who", toggle, tags), cell("reason", why, probe),
    figure("for", since), figure("in flight", flying), figure("latency", latency),
    figure("weight", weight), figure("attempts", attempts), figure("failed", failed));
  const panel = h("div", { role: "cell", class: "details", id, hidden: true });
  const element = h("div", { class: "endpoint", role: "presentation" }, row, h("div", { role: "row" }, panel));
  // The row is a large target for a mouse; for the keyboard there is the button.
  row.addEventListener("click", (event) => {
    if (!event.target.closest("button") && getSelection().isCollapsed) turn();
  });

  const isOpen = () => !panel.hidden;

  function turn() {
    if (details === null) {
      details = endpointDetails((name) => confirm(name, poolName, endpoint, others(), changed));
      panel.append(details.element);
    }
    show(panel, !isOpen());
    set(toggle, "aria-expanded", String(isOpen()));
    if (isOpen()) details.update(endpoint);
  }

  /** How many more are healthy. */
  const others = () => pool.healthy - (endpoint.status === "healthy" ? 1 : 0);

  function update(told, its, then) {
    [endpoint, pool, changed] = [told, its, then];
    set(element, "data-status", endpoint.status);
    set(mark, "data-mark", endpoint.status);
    say(mark, endpoint.status);
    say(until, remaining(endpoint));
    say(toggle, endpoint.address);
    say(tags, labels(endpoint).join(" · "));
    say(why, endpoint.why);
    set(why, "title", endpoint.why);
    const error = endpoint.last_probe?.error;
    const said = error && !endpoint.why.includes(error) ? `last probe: ${error}` : "";
    say(probe, said);
    const age = now() - Date.parse(endpoint.since);
    say(since, span(age));
    say(flying, count(endpoint.in_flight));
    say(latency, endpoint.latency_ms === undefined ? "–" : took(endpoint.latency_ms));
    say(weight, String(endpoint.weight));
    say(attempts, count(endpoint.attempts));
    say(failed, count(endpoint.failed));
    set(failed, "data-some", endpoint.failed > 0);
    if (isOpen()) details.update(endpoint);
  }

  return { element, update, isOpen };
}

/** How long an ejection still lasts. */
function remaining(endpoint) {
  if (endpoint.ejected_until === undefined) return "";
  const left = Date.parse(endpoint.ejected_until) - now();
  return left > 0 ? `${span(left)} left` : "ending";
}

/** What sets it apart from others of its pool. */
function labels(endpoint) {
  const { override, tier, zone, reachable } = endpoint;
  return [
    override && `override: ${overridden(override)}`,
    !reachable && "out of reach",
    tier > 0 && `tier ${tier}`,
    zone && `zone ${zone}`,
  ].filter(Boolean);
}

const overridden = ({ state, weight }) => [state, weight && `weight ${weight}`].filter(Boolean).join(", ");

/** Whether the endpoint is already what an action would make of it. */
function isSo(name, { override, status }) {
  if (name === "clear") return !override;
  if (override?.state) return override.state === name;
  return { drain: status === "draining", disabled: status === "disabled" }[name] ?? !["draining", "disabled"].includes(status);
}

function endpointDetails(act) {
  const facts = h("dl", { class: "pairs" });
  const ends = h("ul", { class: "outcomes" });
  const buttons = Object.entries(ACTIONS).map(([name, { verb }]) => h("button", {
    type: "button",
    "data-action": name,
    on: { click: ({ currentTarget: it }) => it.getAttribute("aria-disabled") !== "true" && act(name) },
  }, verb));
  const element = h("div", { class: "known" },
    facts,
    h("div", {}, h("h4", {}, "How attempts ended"), ends),
    h("div", { class: "actions", role: "group", "aria-label": "Change this endpoint" }, ...buttons));
  const [pairs, outcomes] = [new Keyed(), new Keyed()];

  function update(endpoint) {
    const told = known(endpoint);
    pairs.keep(new Set(told.map(([name]) => name)));
    arrange(facts, told.map(([name, text]) => {
      const pair = pairs.of(name, () => h("div", {}, h("dt", {}, name), h("dd")));
      say(pair.lastElementChild, text);
      return pair;
    }));
    const ended = endpoint.outcomes.filter((it) => it.count > 0).sort((a, b) => b.count - a.count);
    outcomes.keep(new Set(ended.map((it) => it.outcome)));
    arrange(ends, ended.map(({ outcome, count: n }) => {
      const item = outcomes.of(outcome, () => h("li", {}, h("code", {}, outcome), h("span")));
      say(item.lastElementChild, `${count(n)} · ${share(n, endpoint.attempts)}`);
      return item;
    }));
    show(ends.parentElement, ended.length > 0);
    for (const button of buttons) set(button, "aria-disabled", isSo(button.dataset.action, endpoint) && "true");
  }

  return { element, update };
}

function known(endpoint) {
  const { status, since, why, ejected_until: until, last_probe: probe, override, zone } = endpoint;
  const ago = (time) => `${span(now() - Date.parse(time))} ago`;
  return [
    ["Status", `${status} since ${clock(since)} (${span(now() - Date.parse(since))})`],
    ["Why", why],
    until && ["Ejected until", `${clock(until)} (${remaining(endpoint)})`],
    probe && ["Last probe", `${probe.passed ? "passed" : "failed"} ${ago(probe.time)}, took ${took(probe.took_ms)}${probe.error ? `: ${probe.error}` : ""}`],
    !endpoint.reachable && ["Reachable", "no: the last connection could not be made, so it is held back for a moment"],
    ["Share", [`weight ${endpoint.weight}`, `tier ${endpoint.tier}`, zone && `zone ${zone}`].filter(Boolean).join(", ")],
    ["Override", override ? overridden(override) : "none: as configured"],
    ["Attempts", `${count(endpoint.attempts)}, ${count(endpoint.failed)} failed (${share(endpoint.failed, endpoint.attempts)})`],
  ].filter(Boolean);
}
