-- Idempotency keys of submits that found a job which was there already, under another key or none.

CREATE TABLE request_aliases (
  owner TEXT NOT NULL,
  request_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  spec BLOB NOT NULL,
  PRIMARY KEY (owner, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX request_aliases_job ON request_aliases (job_id);

PRAGMA user_version = 3;
