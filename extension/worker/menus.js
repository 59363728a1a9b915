// The context menu: on a page, a link and a video.

const MENUS = [
  { id: "page", title: "Send this page to Telegram", contexts: ["page", "frame"] },
  { id: "link", title: "Send this link to Telegram", contexts: ["link"], targetUrlPatterns: ["http://*/*", "https://*/*"] },
  { id: "video", title: "Send this video to Telegram", contexts: ["video"] },
];

const isWeb = (url) => /^https?:/.test(url ?? "");

/** Make them, once for each installed version. */
export async function makeMenus() {
  await chrome.contextMenus.removeAll();
  MENUS.forEach((menu) => chrome.contextMenus.create(menu));
}

/**
 * Return what a click means.
 *
 * @param {chrome.contextMenus.OnClickData} info
 * @returns {{url: string, referer: string | null}}
 */
export function clicked({ menuItemId, pageUrl, frameUrl, linkUrl, srcUrl }) {
  const isFramed = isWeb(frameUrl) && frameUrl !== pageUrl;
  const where = isFramed ? frameUrl : pageUrl;
  if (menuItemId === "link") return { url: linkUrl, referer: where };
  if (menuItemId === "video" && isWeb(srcUrl)) return { url: srcUrl, referer: where };
  // A video that a script feeds (blob:) has no address of its own, but its player has. A frame of the same site is a part of
  // the page; one of another site is a player, and often shows nothing without the page that it is in.
  if (isFramed && (menuItemId === "video" || new URL(frameUrl).origin !== new URL(pageUrl).origin)) return { url: frameUrl, referer: pageUrl };
  return { url: pageUrl, referer: null };
}
