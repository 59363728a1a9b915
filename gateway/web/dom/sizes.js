/**
 * Bytes for people, as Telegram and file managers count them: 1 MB is a million bytes.
 *
 * @param {number} bytes
 */
export function sizeText(bytes) {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${short(bytes / 1e6)} MB` : `${short(bytes / 1e9)} GB`;
}

const short = (number) => number.toFixed(1).replace(/\.0$/, "");
