-- One index fewer for each write: the oldest job that waits is found in the one that the claims use.

DROP INDEX queue.jobs_oldest;
DROP INDEX queue.jobs_waiting;
CREATE INDEX jobs_waiting ON queue.jobs (priority DESC, fair_key, id, created_ms)
  WHERE state IN ('QUEUED', 'RETRY_WAIT');

UPDATE queue.meta SET schema_version = 2;
