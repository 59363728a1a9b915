-- Every statement of the PostgreSQL store, by name. {columns} are the fields of Job in their order.

-- name: begin
-- Begins every writing transaction with the lock that is held until its end, so that one writes at a time over all
-- replicas. Statements after it see all that was committed before it, which this one itself would not.
BEGIN; SELECT FROM queue.meta FOR UPDATE;

-- name: counters
-- The counters; the next turns of some owners and of those of some jobs; and when the next job becomes due by itself.
-- The time is the database's, or the one that a test gives.
SELECT sequence, ended_count, served_tag, clock_ms, counts, now_ms,
  (
    SELECT json_object_agg(owner, next_tag) FROM queue.owners
    WHERE owner = ANY ($2::text[] || ARRAY(SELECT owner FROM queue.jobs WHERE id = ANY ($3::text[])))
  ) AS turns,
  (
    SELECT min(not_before_ms) FROM queue.jobs
    WHERE state = 'RETRY_WAIT' AND not_before_ms > greatest(now_ms, clock_ms)
  ) AS next_due_ms
FROM (
  SELECT *, coalesce($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now_ms FROM queue.meta
) AS meta;

-- name: wanted_jobs
-- What a transaction decides on. Known: jobs by id, those that live under a key, and those of an idempotency key. Due:
-- the next ones to run that fit into the most memory that any worker has, without those of some owners. Expired: runs
-- over their lease or their deadline. Behind the columns of a job stand those of the alias by which it was found.
SELECT 'known' AS why, {columns}, NULL::text, NULL::bytea FROM queue.jobs WHERE id = ANY ($1::text[])
UNION ALL
SELECT 'known', {columns}, NULL, NULL FROM queue.jobs
  WHERE live_key = ANY ($2::text[]) AND ended_ms IS NULL AND NOT cancel_requested
UNION ALL
SELECT 'known', {columns}, NULL, NULL FROM unnest($3::text[], $4::text[]) AS asked (owner, request_id)
  JOIN queue.jobs USING (owner, request_id)
UNION ALL
SELECT 'known', {columns}, alias_request_id, alias_spec FROM (
  SELECT job_id, request_id AS alias_request_id, spec AS alias_spec
  FROM unnest($3::text[], $4::text[]) AS asked (owner, request_id) JOIN queue.request_aliases USING (owner, request_id)
) AS alias JOIN queue.jobs ON id = job_id
UNION ALL
(
  SELECT 'due', {columns}, NULL, NULL FROM queue.jobs
  WHERE state IN ('QUEUED', 'RETRY_WAIT') AND not_before_ms <= $5::bigint AND least(reserved_bytes, $6::bigint) <= $7
    AND owner <> ALL ($8::text[])
  ORDER BY priority DESC, fair_key, id LIMIT $9
)
UNION ALL
(
  SELECT 'expired', {columns}, NULL, NULL FROM queue.jobs
  WHERE state IN ('PROCESSING', 'SENDING') AND (lease_until_ms < $5 OR deadline_ms < $5) ORDER BY id LIMIT $10
);

-- name: read_meta
-- The counters, without the lock.
SELECT sequence, ended_count, counts, schema_version FROM queue.meta;

-- name: purge_aliases
-- The keys of jobs that are forgotten.
DELETE FROM queue.request_aliases WHERE job_id = ANY ($1::text[]);

-- name: forget_turns
-- Owners whose next turn is no later than anybody's.
DELETE FROM queue.owners WHERE next_tag <= $1;

-- name: count_waiting
-- How many jobs of some owners wait.
SELECT owner, count(*) FROM queue.jobs
WHERE owner = ANY ($1::text[]) AND state IN ('QUEUED', 'RETRY_WAIT') GROUP BY owner;

-- name: count_running
-- How many jobs of each owner run.
SELECT owner, count(*) FROM queue.jobs WHERE state IN ('PROCESSING', 'SENDING') GROUP BY owner;

-- name: save
-- All that a transaction changes, in one statement; none of its parts needs another. Returns how many jobs were changed:
-- each change repeats state, token and version of the job that it was decided on, so that one that was decided on
-- anything else touches nothing. What never changes (owner, spec and the like) is not written again.
WITH updated AS (
  UPDATE queue.jobs AS job SET
    state = new.state, fair_key = new.fair_key, not_before_ms = new.not_before_ms, attempt = new.attempt,
    max_attempts = new.max_attempts, token = new.token, worker_id = new.worker_id,
    lease_until_ms = new.lease_until_ms, deadline_ms = new.deadline_ms, reserved_bytes = new.reserved_bytes,
    cancel_requested = new.cancel_requested, finish_requested = new.finish_requested,
    send_committed = new.send_committed, media = new.media, delivery = new.delivery, error = new.error,
    version = new.version, updated_ms = new.updated_ms, started_ms = new.started_ms, ended_ms = new.ended_ms
  FROM unnest($1::queue.job_row[], $2::text[], $3::bigint[], $4::bigint[])
    AS new ({columns}, before_state, before_token, before_version)
  WHERE job.id = ANY (ARRAY(SELECT id FROM unnest($1::queue.job_row[])))
    AND job.id = new.id AND job.state = before_state AND job.token = before_token AND job.version = before_version
  RETURNING 1
), created AS (
  INSERT INTO queue.jobs ({columns}) SELECT * FROM unnest($5::queue.job_row[])
), logged AS (
  INSERT INTO queue.job_events ({event_columns}) SELECT * FROM unnest($6::queue.event_row[])
), aliased AS (
  INSERT INTO queue.request_aliases ({alias_columns})
  SELECT * FROM unnest($7::text[], $8::text[], $9::text[], $10::bytea[])
), turned AS (
  INSERT INTO queue.owners (owner, next_tag) SELECT * FROM unnest($11::text[], $12::bigint[])
  ON CONFLICT (owner) DO UPDATE SET next_tag = excluded.next_tag
), counted AS (
  UPDATE queue.meta SET sequence = $13, ended_count = $14, served_tag = $15, clock_ms = $16, counts = $17
)
SELECT count(*) FROM updated;

-- name: stand_still
-- Nobody is blamed for the time that the database was away: leases have as long to go as they had before ($1 ms more),
-- but never more than a whole TTL (until $2). Those that were over before are over; a run's longest time stays.
UPDATE queue.jobs SET lease_until_ms = greatest(lease_until_ms, least(lease_until_ms + $1, $2))
WHERE state IN ('PROCESSING', 'SENDING');

-- name: grace
-- After a start nobody is blamed for the time that there was no queue: every lease gets a whole TTL.
UPDATE queue.jobs SET lease_until_ms = greatest(lease_until_ms, $1), deadline_ms = greatest(deadline_ms, $1)
WHERE state IN ('PROCESSING', 'SENDING');

-- name: purge_jobs
-- Jobs that ended long ago.
DELETE FROM queue.jobs WHERE id IN (SELECT id FROM queue.jobs WHERE ended_ms < $1 ORDER BY ended_ms LIMIT $2)
RETURNING id, state;

-- name: purge_events
-- The oldest of the events that are too many.
WITH gone AS (
  DELETE FROM queue.job_events
  WHERE sequence IN (SELECT sequence FROM queue.job_events WHERE sequence <= $1 ORDER BY sequence LIMIT $2)
  RETURNING 1
)
SELECT count(*) FROM gone;

-- name: get_job
-- One job.
SELECT {columns} FROM queue.jobs WHERE id = $1;

-- name: page_jobs
-- Jobs, newest first. {filters} are conditions of which each has its parameters.
SELECT {columns} FROM queue.jobs WHERE {filters} ORDER BY id DESC LIMIT $1;

-- name: active_jobs
-- Every run.
SELECT {columns} FROM queue.jobs WHERE state IN ('PROCESSING', 'SENDING') ORDER BY id;

-- name: oldest_waiting
-- When the job was accepted that waits for longest.
SELECT min(created_ms) FROM queue.jobs WHERE state IN ('QUEUED', 'RETRY_WAIT');

-- name: owner_totals
-- Of one owner by state: how many jobs, what they reserve, when the first was accepted, how many ended since a moment.
SELECT state, count(*), sum(reserved_bytes)::bigint, min(created_ms), count(*) FILTER (WHERE ended_ms >= $2)
FROM queue.jobs WHERE owner = $1 GROUP BY state;

-- name: events_after
-- The log from a cursor on.
SELECT sequence, at_ms, job_id, owner, body FROM queue.job_events WHERE sequence > $1 ORDER BY sequence LIMIT $2;

-- name: events_of
-- What the log has of one job, newest first. Its version says how many there are, so that the log is read backwards no
-- further than to the first of them: without an index, which every change would pay for.
SELECT sequence, at_ms, job_id, owner, body FROM queue.job_events WHERE job_id = $1
ORDER BY sequence DESC LIMIT least($2::bigint, coalesce((SELECT version FROM queue.jobs WHERE id = $1), 0));

-- name: changes_after
-- The same, with what a replica needs to know.
SELECT sequence, at_ms, job_id, owner, body, version, state, attempt, token, worker_id, cancel_requested,
  finish_requested, send_committed
FROM queue.job_events WHERE sequence > $1 ORDER BY sequence LIMIT $2;

-- name: first_sequence
-- The oldest event that is kept.
SELECT min(sequence) FROM queue.job_events;

-- name: tell_peers
-- What this replica knows of its workers and their progress, and who has not been heard of for a minute is forgotten.
WITH gone AS (DELETE FROM queue.replicas WHERE seen_ms < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 60000)
INSERT INTO queue.replicas (id, seen_ms, workers, progress)
VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $2, $3)
ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms, workers = excluded.workers, progress = excluded.progress;

-- name: hear_peers
-- What the other replicas know, of those that were heard of in the last seconds.
SELECT id, workers, progress FROM queue.replicas
WHERE id <> $1 AND seen_ms >= (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $2;

-- name: leave_peers
-- This replica stops.
DELETE FROM queue.replicas WHERE id = $1;
