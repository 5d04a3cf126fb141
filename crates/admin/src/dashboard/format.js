// Numbers and times as they are read. Milliseconds and ISO 8601 come in, short texts go out.

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 12,345 and 1.2M. */
export const count = (n) => (n < 1e6 ? whole.format(n) : compact.format(n));

/** "1 endpoint", "2 endpoints". */
export const many = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/** Of so many in a second, with three digits. */
export function rate(perSecond) {
  if (perSecond === 0) return "0";
  if (perSecond >= 1e6) return compact.format(perSecond);
  if (perSecond >= 100) return whole.format(Math.round(perSecond));
  return perSecond >= 10 ? perSecond.toFixed(1) : perSecond.toFixed(2);
}

/** A share in per cent; none of nothing. */
export function share(part, all) {
  if (all === 0 || part === 0) return "0 %";
  const percent = (100 * part) / all;
  if (percent < 0.01) return "< 0.01 %";
  return `${percent < 10 ? percent.toPrecision(2) : Math.round(percent)} %`;
}

/** How long something took, from milliseconds. */
export function took(ms) {
  if (ms < 10) return `${Number(ms.toFixed(ms < 1 ? 2 : 1))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${Number((ms / 1000).toFixed(2))} s` : span(ms);
}

/** A longer time in its largest units. */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit));
  if (days > 1) return `${days} d`;
  if (hours > 9) return `${hours} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min${minutes < 5 ? ` ${seconds % 60} s` : ""}` : `${seconds} s`;
}

const two = (n) => String(n).padStart(2, "0");

/** The time of day here, with the day if it is not today. */
export function clock(time, now = new Date()) {
  const date = new Date(time);
  const text = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  const here = date.toDateString() === now.toDateString();
  return here ? text : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${text}`;
}
