// How things are sent: as it was chosen last. It holds for the menus and the shortcut as well.

/**
 * @typedef {object} How As a job's request has it.
 * @property {string} [destination] Chat; absent: the default one.
 * @property {"audio"} [kind] Absent: video.
 * @property {string} [caption] Absent: title and link.
 */

/** @returns {Promise<How>} */
export async function usual() {
  return (await chrome.storage.local.get({ usual: {} })).usual;
}

/** @param {How} how Without a caption: that is of one video. */
export const makeUsual = (how) => chrome.storage.local.set({ usual: how });
