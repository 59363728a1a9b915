-- How often, how many and how much.
CREATE TABLE gateway.rate_limits (
    policy      text NOT NULL,
    who         text NOT NULL,
    due_us      bigint NOT NULL,                 -- when the requests so far are worked off, microseconds since 1970
    is_admitted integer NOT NULL,                -- what the last one was told
    PRIMARY KEY (policy, who)
);

CREATE TABLE gateway.usage (
    user_id     text NOT NULL,
    day         integer NOT NULL,                -- UTC, counted from 1970
    job_count   integer NOT NULL,
    size_bytes  bigint NOT NULL,                 -- of videos that arrived that day
    is_admitted integer NOT NULL,                -- what the last job was told
    PRIMARY KEY (user_id, day)
);

CREATE TABLE gateway.usage_cursor (
    id       integer PRIMARY KEY CHECK (id = 1),
    sequence bigint NOT NULL                     -- of the queue's log: deliveries up to here are counted
);

UPDATE gateway.marks SET version = 3 WHERE topic = 'schema';
