-- How often, how many and how much.
CREATE TABLE rate_limits (
    policy      TEXT NOT NULL,
    who         TEXT NOT NULL,
    due_us      INTEGER NOT NULL,                 -- when the requests so far are worked off, microseconds since 1970
    is_admitted INTEGER NOT NULL,                -- what the last one was told
    PRIMARY KEY (policy, who)
);

CREATE TABLE usage (
    user_id     TEXT NOT NULL,
    day         INTEGER NOT NULL,                -- UTC, counted from 1970
    job_count   INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,                 -- of videos that arrived that day
    is_admitted INTEGER NOT NULL,                -- what the last job was told
    PRIMARY KEY (user_id, day)
);

CREATE TABLE usage_cursor (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL                     -- of the queue's log: deliveries up to here are counted
);

UPDATE marks SET version = 3 WHERE topic = 'schema';
