// Asking the gateway.
//
// The token, where one is needed, lives in this tab alone (`sessionStorage`, or nothing but memory where
// that is forbidden) and goes out in a header: no cookie, so no other page can make use of it.

const KEY = "switchback-token";
/** How long an answer may take. */
const PATIENCE = 10_000;

/** The gateway has answered, and said no. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
    this.mayBeForced = problem.may_be_forced === true;
  }
}

/** The gateway has not answered. */
export class Unreachable extends Error {}

let token = stored(() => sessionStorage.getItem(KEY));
/** The gateway's clock less this one's, in milliseconds. */
let ahead = 0;

/** What time it is for the gateway, in milliseconds since 1970. */
export const now = () => Date.now() + ahead;

/** Whether a token is known. */
export const hasToken = () => token !== null;

/** Keeps a token for as long as this tab is open; `null` forgets it. */
export function useToken(text) {
  token = text;
  stored(() => (text === null ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, text)));
}

function stored(access) {
  try {
    return access() ?? null;
  } catch {
    return null;
  }
}

async function send(path, { method = "GET", body } = {}) {
  const headers = {};
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await answer.text();
    heed(answer.headers.get("Date"));
    return { status: answer.status, text };
  } catch (error) {
    throw new Unreachable(error.name === "TimeoutError" ? "no answer within 10 s" : "no connection");
  }
}

/** `Date` has whole seconds: what is less than two apart is the same. */
function heed(date) {
  const difference = Date.parse(date) + 500 - Date.now();
  ahead = Math.abs(difference) > 2000 ? difference : 0;
}

/** Asks the API, and yields what it tells: JSON, or nothing. */
export async function ask(path, options) {
  const { status, text } = await send(`api/v1/${path}`, options);
  const content = parsed(text);
  if (status >= 200 && status < 300) return content;
  throw new Refusal(status, content ?? {});
}

function parsed(text) {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** Where the override of an endpoint is. */
export function overridePath(pool, address, force) {
  const path = `pools/${encodeURIComponent(pool)}/endpoints/${encodeURIComponent(address)}/override`;
  return force ? `${path}?force=true` : path;
}
