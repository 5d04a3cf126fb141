// The dashboard: asks the API every two seconds and shows what it tells.
//
// The next round begins two seconds after the last one has ended, so a slow gateway is not asked more
// than it can answer. A tab that nobody sees asks nothing. When the gateway does not answer, the page says so,
// keeps what it had, and goes on trying.

import { ask, hasToken, Refusal, Unreachable, useToken } from "./dashboard/api.js";
import { at, say, set, show } from "./dashboard/dom.js";
import { showFacts } from "./dashboard/facts.js";
import { offerPools, query, showFailures } from "./dashboard/failures.js";
import { clock } from "./dashboard/format.js";
import { showHistory } from "./dashboard/plots.js";
import { downCount, opened, showPools } from "./dashboard/pools.js";

/** Milliseconds between rounds. */
const INTERVAL = 2000;
/** With more endpoints than this, only those of open pools are asked for. */
const MANY = 5000;

let timer;
let asking = false;
let again = false;
let stopped = false;
/** Since when nothing has been answered; `null`: it has. */
let lost = null;
/** How many endpoints there were in the last round; `null`: not known. */
let total = null;
/** What was told last of each thing. */
let last = {};
/** The pools in which nobody was healthy. */
let empty = "";

async function round() {
  clearTimeout(timer);
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  const parts = { status: ask("status"), pools: pools(), failures: ask(query()), history: ask("history") };
  const names = Object.keys(parts);
  const settled = await Promise.allSettled(Object.values(parts));
  asking = false;
  const told = Object.fromEntries(settled.map((it, i) => [names[i], it.status === "fulfilled" ? it.value : null]));
  try {
    judge(settled.filter((it) => it.status === "rejected").map((it) => it.reason));
    display(told);
  } finally {
    const wait = again ? 0 : INTERVAL;
    again = false;
    if (!stopped && !document.hidden) timer = setTimeout(round, wait);
  }
}

/** The pools with their endpoints; of very many only with those that are looked at. */
async function pools() {
  if (total !== null && total <= MANY) return (await ask("pools?endpoints=true")).pools;
  const { pools: all } = await ask("pools?endpoints=false");
  total = sum(all);
  if (total <= MANY) return (await ask("pools?endpoints=true")).pools;
  const wanted = new Set(opened());
  return Promise.all(all.map((pool) => (wanted.has(pool.name) ? ask(`pools/${encodeURIComponent(pool.name)}`) : pool)));
}

const sum = (all) => all.reduce((before, pool) => before + pool.total, 0);

function display({ status, pools, failures, history }) {
  last = { status: status ?? last.status, pools: pools ?? last.pools, history: history ?? last.history };
  if (status) say(at("version"), status.version);
  showFacts(last);
  if (history) showHistory(history);
  if (pools) {
    total = sum(pools);
    showPools(pools, round);
    offerPools(pools.map((pool) => pool.name).sort());
    const down = downCount();
    document.title = down > 0 ? `${down} down · Switchback` : "Switchback";
    announce(pools.filter((pool) => pool.healthy === 0 && pool.total > 0).map((pool) => pool.name).join(", "));
  }
  if (failures) showFailures(failures.failures, round);
}

/** Tells those who listen what cannot wait, and nothing else of all that changes. */
function announce(names) {
  if (names === empty) return;
  empty = names;
  say(at("announcer"), names === "" ? "Somebody is healthy in every pool again" : `Nobody is healthy in ${names}`);
}

/** What the errors of a round mean. */
function judge(errors) {
  const unreachable = errors.find((error) => error instanceof Unreachable);
  if (unreachable) {
    lost ??= Date.now();
    banner(`The gateway can't be reached (${unreachable.message}). Shown is what was so until ${clock(lost)}; trying again.`);
    return live("Lost", "failing");
  }
  lost = null;
  if (errors.some((error) => error instanceof Refusal && error.status === 401)) return askForToken();
  show(at("token"), false);
  show(at("forget"), hasToken());
  const rest = [...new Set(errors.map((error) => error.message))];
  banner(rest.length === 0 ? "" : `Not all could be asked for: ${rest.join("; ")}`);
  live(stopped ? "Paused" : "Live", stopped ? "draining" : "healthy");
}

function live(text, mark) {
  say(at("live"), text);
  set(at("live"), "data-mark", mark);
  document.body.classList.toggle("stale", text === "Lost");
  document.body.classList.toggle("locked", text === "Locked");
}

function banner(text) {
  say(at("banner"), text);
  show(at("banner"), text !== "");
}

function askForToken() {
  banner("");
  live("Locked", "disabled");
  show(at("forget"), false);
  if (at("token").hidden) {
    show(at("token"), true);
    at("token-text").focus();
  }
  if (hasToken()) {
    useToken(null);
    say(at("token-why"), "The gateway does not know this token. It is the bearer token of the admin listener.");
  }
  // Nobody is to knock every two seconds.
  stopped = true;
}

at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(at("token-text").value.trim());
  at("token-text").value = "";
  stopped = false;
  round();
});

at("forget").addEventListener("click", () => {
  useToken(null);
  location.reload();
});

at("pause").addEventListener("click", () => {
  stopped = !stopped;
  set(at("pause"), "aria-pressed", String(stopped));
  live(stopped ? "Paused" : "Live", stopped ? "draining" : "healthy");
  clearTimeout(timer);
  if (!stopped) round();
});

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden && !stopped) round();
});

round();
