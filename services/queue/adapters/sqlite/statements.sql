-- Every statement of the SQLite store, by name. {columns} are the fields of Job in their order; {rows} are one row of
-- parameters or more.

-- name: insert_jobs
-- New jobs.
INSERT INTO jobs ({columns}) VALUES {rows};

-- name: update_jobs
-- Changes of jobs, one for each. They repeat state, token and version of the job that the change was decided on, so that
-- a change decided on anything else touches nothing. What never changes (owner, spec and the like) is left out.
WITH new ({new_columns}) AS (VALUES {rows})
UPDATE jobs SET {changes} FROM new
WHERE jobs.id = new.id AND jobs.state = before_state AND jobs.token = before_token AND jobs.version = before_version;

-- name: get_job
-- One job.
SELECT {columns} FROM jobs WHERE id = ?;

-- name: get_jobs
-- Those of a JSON list.
SELECT {columns} FROM jobs WHERE id IN (SELECT value FROM json_each(?));

-- name: find_request
-- What an idempotency key was used for.
SELECT id, spec FROM jobs WHERE owner = ?1 AND request_id = ?2
UNION ALL SELECT job_id, spec FROM request_aliases WHERE owner = ?1 AND request_id = ?2;

-- name: insert_alias
-- An idempotency key whose job was there already.
INSERT INTO request_aliases (owner, request_id, job_id, spec) VALUES (?, ?, ?, ?);

-- name: purge_aliases
-- The keys of a job that is forgotten.
DELETE FROM request_aliases WHERE job_id = ?;

-- name: live_jobs
-- Every job that has not ended, in the order in which their owners get their turns.
SELECT {columns} FROM jobs WHERE ended_ms IS NULL ORDER BY fair_key;

-- name: count_ended
-- How many jobs are kept after their end, by state.
SELECT state, count(*) FROM jobs WHERE ended_ms IS NOT NULL GROUP BY state;

-- name: due_jobs
-- The next jobs to run that fit into the most memory that any worker has, without those of the owners in a JSON list.
SELECT id FROM jobs
WHERE state IN ('QUEUED', 'RETRY_WAIT') AND not_before_ms <= ? AND min(reserved_bytes, ?) <= ?
  AND owner NOT IN (SELECT value FROM json_each(?))
ORDER BY priority DESC, fair_key, id LIMIT ?;

-- name: next_due
-- When the next job becomes due by itself.
SELECT min(not_before_ms) FROM jobs WHERE state = 'RETRY_WAIT' AND not_before_ms > ?;

-- name: grace
-- After a start nobody is blamed for the time that the queue was away: every lease gets a whole TTL.
UPDATE jobs SET lease_until_ms = max(lease_until_ms, ?1), deadline_ms = max(deadline_ms, ?1)
WHERE state IN ('PROCESSING', 'SENDING');

-- name: expired_jobs
-- Runs over their lease or their deadline.
SELECT {columns} FROM jobs
WHERE state IN ('PROCESSING', 'SENDING') AND (lease_until_ms < ?1 OR deadline_ms < ?1) ORDER BY id LIMIT ?2;

-- name: active_jobs
-- Every run.
SELECT {columns} FROM jobs WHERE state IN ('PROCESSING', 'SENDING') ORDER BY id;

-- name: purge_jobs
-- Jobs that ended long ago.
DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE ended_ms < ? ORDER BY ended_ms LIMIT ?) RETURNING id, state;

-- name: purge_events
-- The oldest of the events that are too many.
DELETE FROM job_events WHERE sequence IN (SELECT sequence FROM job_events WHERE sequence <= ? ORDER BY sequence LIMIT ?);

-- name: insert_events
-- Changes, for the log.
INSERT INTO job_events (sequence, at_ms, job_id, owner, body) VALUES {rows};

-- name: events_after
-- The log from a cursor on.
SELECT sequence, at_ms, job_id, owner, body FROM job_events WHERE sequence > ? ORDER BY sequence LIMIT ?;

-- name: events_of
-- What the log has of one job, newest first. Its version says how many there are, so that the log is read backwards no
-- further than to the first of them: without an index, which every change would pay for.
SELECT sequence, at_ms, job_id, owner, body FROM job_events WHERE job_id = ?1
ORDER BY sequence DESC LIMIT min(?2, coalesce((SELECT version FROM jobs WHERE id = ?1), 0));

-- name: first_sequence
-- The oldest event that is kept.
SELECT min(sequence) FROM job_events;

-- name: oldest_waiting
-- When the job was accepted that waits for longest.
SELECT min(created_ms) FROM jobs WHERE state IN ('QUEUED', 'RETRY_WAIT');

-- name: owner_totals
-- Of one owner by state: how many jobs, what they reserve, when the first was accepted, how many ended since a moment.
SELECT state, count(*), sum(reserved_bytes), min(created_ms), count(*) FILTER (WHERE ended_ms >= ?2)
FROM jobs INDEXED BY jobs_owner WHERE owner = ?1 GROUP BY state;

-- name: read_meta
-- The counters.
SELECT sequence, ended_count, clock_ms FROM meta;

-- name: write_meta
-- The counters, once for each commit.
UPDATE meta SET sequence = ?, ended_count = ?, clock_ms = ?;

-- name: page_jobs
-- Jobs, newest first. {filters} are conditions of which each has its parameters.
SELECT {columns} FROM jobs WHERE {filters} ORDER BY id DESC LIMIT ?;
