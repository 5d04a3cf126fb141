// Making and changing elements.
//
// Whatever comes from the API ends as text: there is no way here from a string to markup, because
// paths, hosts and what endpoints said are written by whoever sends requests. Changes touch only what
// differs, so that focus, selection, scroll position and what a screen reader has read stay.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id, which the page has. */
export const at = (id) => document.getElementById(id);

/** An element with attributes (`on`: listeners; `false` and `null`: none) and children: elements or texts. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets an attribute if it is another; `false`, `null` and `undefined` remove it. */
export function set(element, name, value) {
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

const texts = new WeakMap();

/** Sets the text of an element that has nothing else in it, if it is another. */
export function say(element, text) {
  if (texts.get(element) === text) return;
  texts.set(element, text);
  element.textContent = text;
}

/** Shows or hides. */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/**
 * Makes `children` the children of `parent`, in this order, and never moves the one that has the focus:
 * an element that is moved loses it. The others move around it.
 */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let fixed = document.activeElement;
  while (fixed && fixed.parentNode !== parent) fixed = fixed.parentNode;
  const middle = fixed ? children.indexOf(fixed) : 0;
  let next = parent.firstChild;
  const place = (child) => {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  };
  children.slice(0, middle).forEach(place);
  if (fixed) next = fixed.nextSibling;
  children.slice(fixed ? middle + 1 : 0).forEach(place);
}

/** An element for each key, made once and kept while its key is there. */
export class Keyed {
  #made = new Map();

  /** Those that are made. */
  get made() {
    return this.#made;
  }

  /** What `make` made for the key. */
  of(key, make) {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key);
  }

  /** Forgets every other key. */
  keep(keys) {
    for (const key of this.#made.keys()) if (!keys.has(key)) this.#made.delete(key);
  }
}

/** Calls `f` once things have been quiet for a moment. */
export function soon(f) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(f, 120);
  };
}
