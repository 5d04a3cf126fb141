// Draining, disabling and enabling an endpoint, after a confirmation.
//
// A change replaces the whole override of an endpoint, so a weight that is overridden is sent along. What
// the gateway refuses unless it is forced (it would leave a pool with nobody) is asked a second time,
// in its own words.

import { ask, overridePath, Refusal } from "./api.js";
import { at, say, set, show } from "./dom.js";
import { many } from "./format.js";

/** What can be done: its button, what it means, and what is said once it is done. */
export const ACTIONS = {
  drain: {
    verb: "Drain",
    means: "It keeps its sessions and gets no other requests while another endpoint can serve.",
    done: "drains",
  },
  disabled: {
    verb: "Disable",
    means: "It gets nothing any more, not even probes. What is under way there ends.",
    done: "is disabled",
  },
  enabled: {
    verb: "Enable",
    means: "It serves as its probes and its traffic allow, even if the configuration drains or disables it.",
    done: "is enabled",
  },
  clear: {
    verb: "Clear override",
    means: "What the configuration says of it counts again.",
    done: "is as configured",
  },
};
const LASTS = "That holds over reloads, until it is cleared or the gateway ends.";

const dialog = at("confirm");
const [go, cancel] = [at("confirm-go"), at("confirm-cancel")];
let asked = null;

/**
 * Asks whether to do it, and does it. `endpoint` is as the API tells it, `others` how many more of its pool
 * are healthy, `then` is called once it is done.
 */
export function confirm(name, pool, endpoint, others, then) {
  const action = ACTIONS[name];
  asked = { name, pool, endpoint, then, force: false, busy: false };
  say(at("confirm-heading"), `${action.verb}: ${endpoint.address}`);
  at("confirm-text").replaceChildren(...sentences(name, pool, others).map((text) => {
    const paragraph = document.createElement("p");
    say(paragraph, text);
    return paragraph;
  }));
  say(go, action.verb);
  set(go, "data-risk", name === "disabled" || (name === "drain" && others === 0));
  show(at("confirm-error"), false);
  dialog.showModal();
}

function sentences(name, pool, others) {
  if (name === "clear") return [ACTIONS.clear.means];
  const { means } = ACTIONS[name];
  if (name === "enabled") return [means, LASTS];
  const rest = others === 0 ? "No other endpoint" : many(others, "other endpoint");
  return [means, `${rest} of pool ${pool} ${others > 1 ? "are" : "is"} healthy.`, LASTS];
}

cancel.addEventListener("click", () => dialog.close());
go.addEventListener("click", act);
// A click beside the dialog is a way out, too.
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => (asked = null));

async function act() {
  if (asked === null || asked.busy) return;
  const mine = asked;
  busy(mine, true);
  try {
    await send(mine);
    if (asked === mine) dialog.close();
    message(`${mine.endpoint.address} of pool ${mine.pool} ${ACTIONS[mine.name].done}.`);
    mine.then();
  } catch (error) {
    if (asked === mine) refused(mine, error);
    else message(`${ACTIONS[mine.name].verb} ${mine.endpoint.address}: ${error.message}`);
  } finally {
    busy(mine, false);
  }
}

function send({ name, pool, endpoint, force }) {
  const path = overridePath(pool, endpoint.address, force);
  if (name === "clear") return ask(path, { method: "DELETE" });
  const weight = endpoint.override?.weight;
  return ask(path, { method: "PUT", body: weight === undefined ? { state: name } : { state: name, weight } });
}

function refused(mine, error) {
  const may = error instanceof Refusal && error.mayBeForced && !mine.force;
  const place = at("confirm-error");
  say(place, may ? `The gateway advises against it: ${error.message}` : `Not done: ${error.message}`);
  show(place, true);
  if (!may) return;
  mine.force = true;
  say(go, `${ACTIONS[mine.name].verb} all the same`);
  set(go, "data-risk", true);
  // What comes next must not be the second half of a double click.
  cancel.focus();
}

/** Not `disabled`: that would take the focus away. */
function busy(mine, is) {
  mine.busy = is;
  set(go, "aria-disabled", is);
}

let hiding;
/** Says for some seconds what was done. */
export function message(text) {
  const place = at("message");
  show(place, true);
  say(place, text);
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    show(place, false);
    say(place, "");
  }, 8000);
}
