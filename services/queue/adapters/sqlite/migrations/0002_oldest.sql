-- The oldest job that waits is found in the index alone: with a hundred thousand of them, it took a look at each row.

DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (priority DESC, fair_key, id, created_ms) WHERE state IN ('QUEUED', 'RETRY_WAIT');

PRAGMA user_version = 2;
