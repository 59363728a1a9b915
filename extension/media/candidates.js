// From what the frames of a tab play to what can be sent.

/** @typedef {import("./look.js").Frame} Frame */

/**
 * @typedef {object} Candidate
 * @property {"page" | "video" | "stream" | "player"} kind
 * @property {string} url
 * @property {string | null} referer Null: none is needed.
 * @property {boolean} isPlaying
 * @property {boolean} [isTheVideo] Of a stream: its frame has a video that a script feeds.
 * @property {number} [width] Pixels; 0: not known.
 * @property {number} [height]
 * @property {number} [durationS] 0: not known.
 */

const isWeb = (url) => /^https?:/.test(url);

/** The page itself; null where there is nothing that a gateway could fetch. */
export const pageOf = (url) => (isWeb(url) ? { kind: "page", url, referer: null, isPlaying: false } : null);

/** What the page's script feeds (a blob:, or nothing yet) has no address of its own. */
const isFed = ({ src }) => !isWeb(src);

/**
 * Return what a person has to choose from, what is most likely to work first: that is what Enter sends.
 *
 * Of no medium, or one video with an address of its own, there is nothing to choose: the page alone tells most of it. One
 * playlist or player beside it comes after the page, which yt-dlp may know better; but a playlist whose frame has a video
 * that a script feeds is that video, and comes before the page. Of several media the page is the last resort.
 *
 * @param {string} pageUrl
 * @param {Frame[]} frames
 * @returns {Candidate[]} Empty: nothing can be sent.
 */
export function candidatesOf(pageUrl, frames) {
  const page = pageOf(pageUrl);
  if (!page) return [];
  const looked = new Set(frames.map(({ frameUrl }) => frameUrl));
  const found = frames.flatMap((frame) => mediaOf(frame, looked, pageUrl));
  const known = new Set([pageUrl]);
  const media = found.filter(({ url }) => isWeb(url) && !known.has(url) && known.add(url)).sort((one, other) => other.isPlaying - one.isPlaying);
  const [only] = media;
  if (media.length === 0 || (media.length === 1 && only.kind === "video")) return [page];
  return media.length === 1 && !only.isTheVideo ? [page, only] : [...media, page];
}

function mediaOf({ frameUrl, videos, manifests, players }, looked, pageUrl) {
  // A frame without an address of its own (srcdoc) asks for its media in the name of the page.
  const referer = isWeb(frameUrl) ? frameUrl : pageUrl;
  const fed = videos.filter(isFed);
  return [
    ...videos.map(({ src, ...more }) => ({ kind: "video", url: src, referer, ...more })),
    ...manifests.map((url) => ({ kind: "stream", url, referer, isPlaying: fed.some(({ isPlaying }) => isPlaying), isTheVideo: fed.length > 0 })),
    // A frame that was looked into has told what it plays.
    ...players.filter((url) => !looked.has(url)).map((url) => ({ kind: "player", url, referer, isPlaying: false })),
  ];
}
