-- What is open at which gateway. It is told again after a crash, so none of it is logged.
CREATE UNLOGGED TABLE gateway.replicas (
    id      text PRIMARY KEY,                    -- made anew at each start
    told_at timestamptz NOT NULL                 -- when it last said something, by the clock of the database
);

CREATE UNLOGGED TABLE gateway.open_connections (
    replica_id text NOT NULL REFERENCES gateway.replicas (id) ON DELETE CASCADE,
    rule       text NOT NULL,
    who        text NOT NULL,                    -- a user or an address
    open_count integer NOT NULL,
    stamps     text NOT NULL,                    -- when each was opened, with blanks between
    PRIMARY KEY (rule, who, replica_id)
);
CREATE INDEX open_connections_by_count ON gateway.open_connections (rule, open_count);
CREATE INDEX open_connections_by_replica ON gateway.open_connections (replica_id);

UPDATE gateway.marks SET version = 5 WHERE topic = 'schema';
