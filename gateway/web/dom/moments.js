// Moments and spans in words. Moments are shown in the reader's own time zone, and say which that is where they are whole.

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const WHOLE = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});

export const zoneName = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
export const clockText = (moment) => CLOCK.format(new Date(moment));
export const wholeText = (moment) => WHOLE.format(new Date(moment));
export const dayText = (moment) => DAY.format(new Date(moment));

/** @param {number} seconds */
export function spanText(seconds) {
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toString()} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1440)} days`;
}

/** How long a video is: 1:02:03. */
export function lengthText(seconds) {
  const [hours, minutes, rest] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** @param {string} moment */
export function agoText(moment) {
  const seconds = Math.max((Date.now() - Date.parse(moment)) / 1000, 0);
  if (seconds < 45) return "just now";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 24 ? `${hours} h ago` : dayText(moment);
}
