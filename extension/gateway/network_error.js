// The browser's own name of what went wrong, such as net::ERR_CERT_DATE_INVALID. `fetch` hides it from scripts; webRequest
// tells it of origins that the person has allowed. (As an optional permission it stays silent until the next start.)

// It comes a moment after fetch has failed.
const LATE_MS = 250;

/**
 * Listen to the requests for one address.
 *
 * @param {URL} address
 * @returns {{heard: () => Promise<string>, stop: () => void}} `heard`: without its net::, empty where it does not tell.
 */
export function networkError(address) {
  const event = chrome.webRequest.onErrorOccurred;
  let tell;
  const told = new Promise((resolve) => (tell = resolve));
  const listener = ({ error }) => tell(error.replace(/^net::/, ""));
  event.addListener(listener, { urls: [`${address.origin}/*`] });
  return {
    heard: () => Promise.race([told, new Promise((resolve) => setTimeout(resolve, LATE_MS, ""))]),
    stop: () => event.removeListener(listener),
  };
}
