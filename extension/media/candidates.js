// From what the frames of a tab play to what can be sent.

/** @typedef {import("./look.js").Frame} Frame */

/**
 * @typedef {object} Candidate
 * @property {"page" | "video" | "stream" | "player"} kind
 * @property {string} url
 * @property {string | null} referer Null: none is needed.
 * @property {boolean} isPlaying
 * @property {number} [width] Pixels; 0: not known.
 * @property {number} [height]
 * @property {number} [durationS] 0: not known.
 */

const isWeb = (url) => /^https?:/.test(url);

/** The page itself; null where there is nothing that a gateway could fetch. */
export const pageOf = (url) => (isWeb(url) ? { kind: "page", url, referer: null, isPlaying: false } : null);

/**
 * Return what a person has to choose from: the page first, then what it plays, what runs now before what waits.
 *
 * Of one medium or none there is nothing to choose: then it is the page alone, which tells most of the video. What has
 * only a blob: address is played by the page's script: only the page can be sent.
 *
 * @param {string} pageUrl
 * @param {Frame[]} frames
 * @returns {Candidate[]} Empty: nothing can be sent.
 */
export function candidatesOf(pageUrl, frames) {
  const page = pageOf(pageUrl);
  if (!page) return [];
  const looked = new Set(frames.map(({ frameUrl }) => frameUrl));
  const found = frames.flatMap(({ frameUrl, videos, manifests, players }) => {
    // A frame without an address of its own (srcdoc) asks for its media in the name of the page.
    const referer = isWeb(frameUrl) ? frameUrl : pageUrl;
    return [
      ...videos.map(({ src, ...more }) => ({ kind: "video", url: src, referer, ...more })),
      ...manifests.map((url) => ({ kind: "stream", url, referer, isPlaying: false })),
      // A frame that was looked into has told what it plays.
      ...players.filter((url) => !looked.has(url)).map((url) => ({ kind: "player", url, referer, isPlaying: false })),
    ];
  });
  const known = new Set([pageUrl]);
  const different = found.filter(({ url }) => isWeb(url) && !known.has(url) && known.add(url));
  if (different.length < 2) return [page];
  return [page, ...different.sort((one, other) => other.isPlaying - one.isPlaying)];
}
