/**
 * Bytes for people, as Telegram and file managers count them: 1 MB is a million bytes.
 *
 * @param {number} bytes
 */
export function sizeText(bytes) {
  if (bytes === 0) return "0 MB";
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${short(bytes / 1e6)} MB` : `${short(bytes / 1e9)} GB`;
}

/** A sentence of the gateway's with its long numbers of bytes for people. */
export const sizesInWords = (text) => text.replace(/\b(\d{4,}) bytes\b/g, (_, digits) => sizeText(Number(digits)));

const short = (number) => number.toFixed(1).replace(/\.0$/, "");
