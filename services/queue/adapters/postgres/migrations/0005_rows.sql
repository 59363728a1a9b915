-- Rows as they are sent to be written: one value for each row, where an array for each column costs twice as much.
-- Apart from the tables, so that a replica can go on writing while a newer one adds columns to them: that one sends rows
-- of a type of its own.

CREATE TYPE queue.job_row AS (
  id text, state text, owner text, request_id text, live_key text, spec bytea, priority integer, fair_key bigint,
  not_before_ms bigint, attempt integer, max_attempts integer, token bigint, worker_id text, lease_until_ms bigint,
  deadline_ms bigint, run_timeout_ms bigint, resend_unknown boolean, reserved_bytes bigint, cancel_requested boolean,
  finish_requested boolean, send_committed boolean, media bytea, delivery bytea, error text, version bigint,
  created_ms bigint, updated_ms bigint, started_ms bigint, ended_ms bigint, traceparent text
);

CREATE TYPE queue.event_row AS (
  sequence bigint, at_ms bigint, job_id text, owner text, body bytea, version bigint, state text, attempt integer,
  token bigint, worker_id text, cancel_requested boolean, finish_requested boolean, send_committed boolean
);

UPDATE queue.meta SET schema_version = 5;
