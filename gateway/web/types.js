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
 * @property {string | null} title What the site calls the video; null until it has said.
 * @property {string | null} stage
 * @property {number} progress Percent of the whole run.
 * @property {string} message
 * @property {number} attempt
 * @property {number} maxAttempts
 * @property {number} bytesDone In this stage; 0, and the next three null, when it does not run.
 * @property {number | null} bytesTotal
 * @property {number | null} speedBps Bytes a second.
 * @property {number | null} etaSeconds Rest of this stage.
 * @property {number} version Rises with every durable change.
 * @property {number} estimatedSize Bytes; 0 while unknown.
 * @property {boolean} cancelRequested
 * @property {boolean} finishRequested
 * @property {{code: string, message: string, retryable: boolean} | null} error
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
 * @typedef {object} Step Of a job's history.
 * @property {string} at
 * @property {"accepted" | "started" | "sending" | "cancel_requested" | "finish_requested" | "retrying" | "handed_back" | "completed" | "failed" | "cancelled" | "requeued"} kind
 * @property {number} attempt
 * @property {number} maxAttempts Attempts that the job might make then.
 * @property {string | null} worker Null for those who are no admins.
 * @property {{code: string, message: string} | null} error
 * @property {string | null} nextAttemptAt
 */

/**
 * @typedef {object} Entry A job on the board.
 * @property {Job} view
 * @property {import("./jobs/stages.js").Stages} stages
 * @property {number} seenAtMs When the gateway last spoke of it, by `performance.now()`.
 */

export {};
