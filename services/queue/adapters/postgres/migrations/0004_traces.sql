-- The trace that a job's runs belong to: that of its submit.

ALTER TABLE queue.jobs ADD COLUMN traceparent text NOT NULL DEFAULT '';

UPDATE queue.meta SET schema_version = 4;
