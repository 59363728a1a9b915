// Where a gateway is, and how the browser calls that place.

import { Problem } from "./problem.js";

const HOME = /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[|[^./]+(:|\/|$)|[^/:]+\.(local|lan|home|internal)(:|\/|$))/i;

/**
 * Return the base address of a gateway as people type it: with a slash at the end, so that paths can be put behind it.
 *
 * Without a scheme it is https, except for what can only be at home.
 *
 * @param {string} typed
 * @returns {string}
 * @throws {Problem} URL_INVALID
 */
export function serverAddress(typed) {
  const text = typed.trim();
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${HOME.test(text) ? "http" : "https"}://${text}`;
  let url;
  try {
    url = new URL(whole);
  } catch {
    throw notAnAddress(text);
  }
  // A browser writes a blank within a name as %20, and asks for a host that cannot be.
  if (/[\s%]/.test(url.hostname)) throw notAnAddress(text);
  if (!/^https?:$/.test(url.protocol)) throw new Problem("URL_INVALID", `A gateway is at http or https, not at ${url.protocol}`);
  return `${url.origin}${url.pathname.replace(/\/*$/, "/")}`;
}

const notAnAddress = (text) => new Problem("URL_INVALID", `“${text}” is not an address such as https://clipferry.example or 192.168.1.5:3000.`);

/** What to try where no gateway answers below a path; empty: there is no path. A proxy may show a gateway below one. */
export function pathHint(server) {
  const { origin, pathname } = new URL(server);
  return pathname === "/" ? "" : ` Try it without the path: ${origin}.`;
}

/** What the browser is asked to allow: this one origin. */
export const originPattern = (server) => `${new URL(server).origin}/*`;

/** A path of the gateway, also where a proxy shows it below a path of its own. */
export const addressOf = (server, path) => new URL(path.slice(1), server);

/** Where the WebSocket is. */
export function socketAddress(server) {
  const address = addressOf(server, "/ws");
  address.protocol = address.protocol.replace("http", "ws");
  return address;
}
