-- Jobs, the log of their changes, and the counters that must survive both.
-- All times are milliseconds since 1970. `body`, `spec`, `media` and `delivery` are protobuf messages.

CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL CHECK (
    state IN ('QUEUED', 'PROCESSING', 'SENDING', 'RETRY_WAIT', 'COMPLETED', 'FAILED', 'CANCELLED')
  ),
  owner TEXT NOT NULL,
  request_id TEXT,
  live_key TEXT NOT NULL,
  spec BLOB NOT NULL,
  priority INTEGER NOT NULL,
  fair_key INTEGER NOT NULL,
  not_before_ms INTEGER NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt >= 0),
  max_attempts INTEGER NOT NULL,
  token INTEGER NOT NULL,
  worker_id TEXT,
  lease_until_ms INTEGER CHECK ((state IN ('PROCESSING', 'SENDING')) = (lease_until_ms IS NOT NULL)),
  deadline_ms INTEGER CHECK ((state IN ('PROCESSING', 'SENDING')) = (deadline_ms IS NOT NULL)),
  run_timeout_ms INTEGER NOT NULL,
  resend_unknown INTEGER NOT NULL,
  reserved_bytes INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL,
  finish_requested INTEGER NOT NULL,
  send_committed INTEGER NOT NULL,
  media BLOB,
  delivery BLOB,
  error TEXT,
  version INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  started_ms INTEGER,
  ended_ms INTEGER CHECK ((state IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (ended_ms IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX jobs_request ON jobs (owner, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX jobs_owner ON jobs (owner, id);
CREATE INDEX jobs_waiting ON jobs (priority DESC, fair_key, id) WHERE state IN ('QUEUED', 'RETRY_WAIT');
CREATE INDEX jobs_due ON jobs (not_before_ms) WHERE state = 'RETRY_WAIT';
CREATE INDEX jobs_active ON jobs (id) WHERE state IN ('PROCESSING', 'SENDING');
CREATE INDEX jobs_ended ON jobs (ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE job_events (
  sequence INTEGER NOT NULL PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  job_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE meta (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL,
  ended_count INTEGER NOT NULL,
  clock_ms INTEGER NOT NULL
) STRICT;

INSERT INTO meta VALUES (1, 0, 0, 0);

PRAGMA user_version = 1;
