// Shapes that the gateway answers with, as far as the dashboard reads them. All of them, field by field: docs, "Shapes".

/**
 * @typedef {object} Job What `JobView` is.
 * @property {string} id
 * @property {{pageUrl: string, kind: string, caption: string | null, destination: string | null, playlistItem: number | null, allowLive: boolean}} videoData
 * @property {string} owner
 * @property {string} addedAt ISO 8601, as are all moments.
 * @property {string | null} startedAt When its current or last attempt began.
 * @property {string | null} finishedAt
 * @property {string | null} nextAttemptAt
 * @property {"queued" | "processing" | "completed" | "failed" | "cancelled"} status
 * @property {string | null} stage
 * @property {number} progress Percent of the whole run.
 * @property {string} message
 * @property {number} attempt
 * @property {number} maxAttempts
 * @property {number} version Rises with every durable change.
 * @property {number} estimatedSize Bytes; 0 while unknown.
 * @property {boolean} cancelRequested
 * @property {boolean} finishRequested
 * @property {{code: string, message: string} | null} error
 * @property {Result | null} result Present once it has ended.
 */

/**
 * @typedef {object} Result
 * @property {{title: string | null, duration: number | null, width: number | null, height: number | null, size: number | null, extractor: string | null}} metadata
 * @property {number} processingTime Milliseconds.
 * @property {number | null} telegramMessageId
 * @property {number | null} telegramChatId
 */

/**
 * @typedef {object} Flow Of a `job:progress`.
 * @property {number} bytesDone
 * @property {number | null} bytesTotal
 * @property {number | null} speedBps
 * @property {number | null} etaSeconds
 */

/**
 * @typedef {object} Entry A job on the board.
 * @property {Job} view
 * @property {Flow | null} flow
 * @property {import("./jobs/history.js").History} history
 * @property {number} seenAtMs When the gateway last spoke of it, by `performance.now()`.
 */

export {};
