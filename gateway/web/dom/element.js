// Elements from data. Text is only ever set as text: nothing here reads markup.

/** @param {string} id */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element. A plain object among the first arguments holds its attributes, and its listeners by event.
 *
 * @param {string} tag
 * @param {...(Record<string, unknown> | Node | string)} content
 */
export function element(tag, ...content) {
  const made = document.createElement(tag);
  const hasAttributes = content[0]?.constructor === Object;
  for (const [name, value] of Object.entries(hasAttributes ? content.shift() : {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...content);
  return made;
}

/** Show or hide, and leave the page alone when it is so already. */
export function setShown(node, isShown) {
  if (node.hidden === isShown) node.hidden = !isShown;
}

/** Set a text, and leave the page alone when it is there already. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an attribute, and leave the page alone when it is there already; null takes it away. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}
