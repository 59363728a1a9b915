// What the toolbar icon says: about four letters fit.

/**
 * @param {object} now
 * @param {{progress: number}[]} now.unfinished Jobs that are not over.
 * @param {number} now.unsentCount Pages that the gateway has not got yet.
 * @param {number} now.failureCount Failures that nobody has looked at.
 * @param {boolean} now.isSignedOut Whether nobody is signed in: what was under way is not known any more.
 * @param {boolean} now.isKnown Whether the gateway could be asked.
 * @returns {{text: string, tone: "busy" | "bad" | "unknown"}}
 */
export function badgeOf({ unfinished, unsentCount, failureCount, isSignedOut, isKnown }) {
  const isAwaited = unfinished.length > 0 || unsentCount > 0;
  if (failureCount > 0 || (isSignedOut && isAwaited)) return { text: "!", tone: "bad" };
  if (!isKnown && isAwaited) return { text: "?", tone: "unknown" };
  if (unfinished.length > 0) {
    const sum = unfinished.reduce((total, { progress }) => total + progress, 0);
    return { text: `${Math.floor(sum / unfinished.length)}%`, tone: "busy" };
  }
  return { text: unsentCount > 0 ? "…" : "", tone: "busy" };
}
