// The browser's own name of what went wrong, such as net::ERR_CERT_DATE_INVALID. `fetch` hides it from scripts; webRequest
// tells, where the person allowed it together with the gateway's origin.

// It comes a moment after fetch has failed.
const LATE_MS = 250;

/**
 * Listen to the requests for one address.
 *
 * @param {URL} address
 * @returns {{heard: () => Promise<string>, stop: () => void}} `heard`: without its net::, empty where the browser does not tell.
 */
export function networkError(address) {
  const event = chrome.webRequest?.onErrorOccurred;
  let tell;
  const told = new Promise((resolve) => (tell = resolve));
  const listener = ({ error }) => tell(error.replace(/^net::/, ""));
  event?.addListener(listener, { urls: [`${address.origin}/*`] });
  return {
    heard: () => Promise.race([told, new Promise((resolve) => setTimeout(resolve, event ? LATE_MS : 0, ""))]),
    stop: () => event?.removeListener(listener),
  };
}
