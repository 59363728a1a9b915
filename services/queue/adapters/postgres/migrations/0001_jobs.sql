-- Jobs, the log of their changes, and what all replicas must count together.
-- All times are milliseconds since 1970. `body`, `spec`, `media` and `delivery` are protobuf messages.

CREATE TABLE queue.jobs (
  id text NOT NULL PRIMARY KEY,
  state text NOT NULL CHECK (
    state IN ('QUEUED', 'PROCESSING', 'SENDING', 'RETRY_WAIT', 'COMPLETED', 'FAILED', 'CANCELLED')
  ),
  owner text NOT NULL,
  request_id text,
  live_key text NOT NULL,
  spec bytea NOT NULL,
  priority integer NOT NULL,
  fair_key bigint NOT NULL,
  not_before_ms bigint NOT NULL,
  attempt integer NOT NULL CHECK (attempt >= 0),
  max_attempts integer NOT NULL,
  token bigint NOT NULL,
  worker_id text,
  lease_until_ms bigint CHECK ((state IN ('PROCESSING', 'SENDING')) = (lease_until_ms IS NOT NULL)),
  deadline_ms bigint CHECK ((state IN ('PROCESSING', 'SENDING')) = (deadline_ms IS NOT NULL)),
  run_timeout_ms bigint NOT NULL,
  resend_unknown boolean NOT NULL,
  reserved_bytes bigint NOT NULL,
  cancel_requested boolean NOT NULL,
  finish_requested boolean NOT NULL,
  send_committed boolean NOT NULL,
  media bytea,
  delivery bytea,
  error text,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL,
  started_ms bigint,
  ended_ms bigint CHECK ((state IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (ended_ms IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

CREATE UNIQUE INDEX jobs_request ON queue.jobs (owner, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX jobs_owner ON queue.jobs (owner, id);
CREATE INDEX jobs_waiting ON queue.jobs (priority DESC, fair_key, id) WHERE state IN ('QUEUED', 'RETRY_WAIT');
CREATE INDEX jobs_oldest ON queue.jobs (created_ms) WHERE state IN ('QUEUED', 'RETRY_WAIT');
CREATE INDEX jobs_due ON queue.jobs (not_before_ms) WHERE state = 'RETRY_WAIT';
CREATE INDEX jobs_active ON queue.jobs (id) WHERE state IN ('PROCESSING', 'SENDING');
CREATE INDEX jobs_ended ON queue.jobs (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX jobs_live ON queue.jobs (live_key) WHERE ended_ms IS NULL AND NOT cancel_requested;

CREATE TABLE queue.job_events (
  sequence bigint NOT NULL PRIMARY KEY,
  at_ms bigint NOT NULL,
  job_id text NOT NULL,
  owner text NOT NULL,
  body bytea NOT NULL,
  version bigint NOT NULL,
  state text NOT NULL,
  attempt integer NOT NULL,
  token bigint NOT NULL,
  worker_id text,
  cancel_requested boolean NOT NULL,
  finish_requested boolean NOT NULL,
  send_committed boolean NOT NULL
);

-- The next turn of each owner who has had one.
CREATE TABLE queue.owners (
  owner text NOT NULL PRIMARY KEY,
  next_tag bigint NOT NULL
);

-- One row: the counters, and the lock that every writing transaction takes first.
CREATE TABLE queue.meta (
  id integer NOT NULL PRIMARY KEY CHECK (id = 1),
  schema_version integer NOT NULL,
  sequence bigint NOT NULL,
  ended_count bigint NOT NULL,
  served_tag bigint NOT NULL,
  clock_ms bigint NOT NULL,
  counts jsonb NOT NULL
) WITH (fillfactor = 10);

INSERT INTO queue.meta VALUES (1, 1, 0, 0, 0, 0, '{}');

-- What each replica knows of its workers and their progress; worth nothing after a crash.
CREATE UNLOGGED TABLE queue.replicas (
  id text NOT NULL PRIMARY KEY,
  seen_ms bigint NOT NULL,
  workers jsonb NOT NULL,
  progress jsonb NOT NULL
) WITH (fillfactor = 10);
