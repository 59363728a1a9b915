// Runs in the page, in each of its frames: it may use nothing from outside of itself.

/**
 * @typedef {object} Frame What a frame plays.
 * @property {string} frameUrl
 * @property {{src: string, width: number, height: number, durationS: number, isPlaying: boolean}[]} videos
 * @property {string[]} players Addresses of frames within that look like players.
 * @property {string[]} manifests Addresses of HLS and DASH playlists that were loaded.
 */

/** @returns {Frame} */
export function lookAround() {
  const ELEMENT = "video, audio";
  const PLAYER_PX = { width: 200, height: 110 };
  const absolute = (address) => (address && URL.canParse(address, document.baseURI) ? new URL(address, document.baseURI).href : "");
  const videos = [...document.querySelectorAll(ELEMENT)].map((element) => ({
    src: element.currentSrc || absolute(element.getAttribute("src") ?? element.querySelector("source")?.getAttribute("src")),
    width: element.videoWidth ?? 0,
    height: element.videoHeight ?? 0,
    durationS: Number.isFinite(element.duration) ? element.duration : 0,
    isPlaying: !element.paused && !element.ended && element.currentTime > 0,
  }));
  const looksLikePlayer = (frame) => {
    const { width, height } = frame.getBoundingClientRect();
    const mayFill = frame.allowFullscreen || /fullscreen|autoplay|encrypted-media/.test(frame.allow);
    return mayFill && width >= PLAYER_PX.width && height >= PLAYER_PX.height;
  };
  const players = [...document.querySelectorAll("iframe[src]")].filter(looksLikePlayer).map((frame) => absolute(frame.getAttribute("src")));
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const manifests = loaded.filter((name) => /\.(m3u8|mpd)([?#]|$)/i.test(name));
  return { frameUrl: location.href, videos, players, manifests };
}
