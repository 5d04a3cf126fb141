// How the gateway itself stands: a row of facts under the page's head.

import { now } from "./api.js";
import { arrange, at, h, Keyed, say, set } from "./dom.js";
import { clock, count, many, share, span } from "./format.js";
import { only } from "./pools.js";

const cards = new Keyed();

/** Shows what is known of the gateway. */
export function showFacts({ status, pools, history }) {
  const told = [
    status && readiness(status),
    status && configuration(status),
    pools && endpoints(pools),
    status && history && flying(status, history),
    status?.overrides.length > 0 && overrides(status.overrides),
  ].filter(Boolean);
  cards.keep(new Set(told.map((fact) => fact.name)));
  arrange(at("facts"), told.map((fact) => {
    const card = cards.of(fact.name, () => made(fact));
    set(card, "data-tone", fact.tone);
    say(card.querySelector(".value"), fact.value);
    say(card.querySelector(".note"), fact.more ?? "");
    return card;
  }));
}

function made({ name, act }) {
  const button = act && h("button", { type: "button", class: "plain", on: { click: act.do } }, act.label);
  return h("div", { class: "fact" }, h("dt", {}, name),
    h("dd", {}, h("span", { class: "value" }), h("span", { class: "note" }), button ?? null));
}

function readiness({ ready, reasons, started }) {
  const up = `up for ${span(now() - Date.parse(started))}`;
  return { name: "Readiness", tone: ready ? "good" : "bad", value: ready ? "Ready" : "Not ready", more: [...reasons, up].join("; ") };
}

function configuration({ generation, last_reload: last }) {
  const fact = { name: "Configuration", value: `Generation ${count(generation)}`, tone: null };
  if (!last) return { ...fact, more: "as it was started with; no reload yet" };
  const at = Date.parse(last.time);
  const when = `${clock(at)}, ${span(now() - at)} ago, asked by ${last.asked_by}`;
  if (last.applied) return { ...fact, more: `reloaded ${when}` };
  return { ...fact, tone: "bad", value: "Last reload refused", more: `${last.refused?.why ?? "no reason told"} (${when}; generation ${count(generation)} stays)` };
}

function endpoints(pools) {
  const sum = (of) => pools.reduce((before, pool) => before + of(pool), 0);
  const [healthy, total, attempts, failed] = [sum((it) => it.healthy), sum((it) => it.total), sum((it) => it.attempts), sum((it) => it.failed)];
  const empty = pools.filter((pool) => pool.healthy === 0 && pool.total > 0);
  return {
    name: "Endpoints",
    tone: empty.length > 0 ? "bad" : healthy < total ? "warn" : "good",
    value: `${count(healthy)} of ${count(total)} healthy`,
    more: empty.length > 0
      ? `nobody healthy in ${empty.slice(0, 3).map((pool) => pool.name).join(", ")}${empty.length > 3 ? ` and ${empty.length - 3} more` : ""}`
      : `${many(attempts, "attempt")}, ${share(failed, attempts)} failed`,
  };
}

function flying({ requests_in_flight: flight, connections }, { step_s, steps }) {
  const lately = Math.max(1, Math.round(60 / step_s));
  const failed = steps.slice(-lately).reduce((sum, step) => sum + step.failed, 0);
  return {
    name: "Requests",
    tone: failed > 0 ? "bad" : null,
    value: `${count(flight)} in flight`,
    more: `${failed > 0 ? count(failed) : "none"} failed in the last minute; ${many(connections, "connection")}`,
  };
}

function overrides(list) {
  const names = list.slice(0, 2).map((it) => `${it.endpoint} (${[it.state, it.weight && `weight ${it.weight}`].filter(Boolean).join(", ")})`);
  return {
    name: "Overrides",
    tone: "warn",
    value: many(list.length, "endpoint"),
    more: `${names.join(", ")}${list.length > 2 ? " …" : ""}`,
    act: { label: "Show", do: () => only("overridden") },
  };
}
