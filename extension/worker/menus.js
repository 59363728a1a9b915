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
  const where = isWeb(frameUrl) ? frameUrl : pageUrl;
  if (menuItemId === "link") return { url: linkUrl, referer: where };
  // A video that the page's script feeds (blob:) has no address of its own.
  if (menuItemId === "video" && isWeb(srcUrl)) return { url: srcUrl, referer: where };
  return { url: pageUrl, referer: null };
}
