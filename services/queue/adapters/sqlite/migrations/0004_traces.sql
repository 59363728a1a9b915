-- The trace that a job's runs belong to: that of its submit.

ALTER TABLE jobs ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 4;
