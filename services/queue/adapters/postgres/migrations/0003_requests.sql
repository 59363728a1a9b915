-- Idempotency keys of submits that found a job which was there already, under another key or none.

CREATE TABLE queue.request_aliases (
  owner text NOT NULL,
  request_id text NOT NULL,
  job_id text NOT NULL,
  spec bytea NOT NULL,
  PRIMARY KEY (owner, request_id)
);
CREATE INDEX request_aliases_job ON queue.request_aliases (job_id);

UPDATE queue.meta SET schema_version = 3;
