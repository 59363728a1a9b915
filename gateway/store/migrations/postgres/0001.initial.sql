-- Users, the ways in, and what came of them. All times are milliseconds since 1970; hashes are SHA-256.
CREATE TABLE gateway.users (
    id            text PRIMARY KEY,              -- the name; owner of jobs in the queue
    role          text NOT NULL CHECK (role IN ('user', 'admin')),
    created_at_ms bigint NOT NULL,
    is_enabled    integer NOT NULL DEFAULT 1,
    chats         text NOT NULL                  -- ids, @names, default and *, with blanks between
);

CREATE TABLE gateway.api_keys (
    hash          bytea PRIMARY KEY,             -- keys are random, so no salt
    id            text NOT NULL UNIQUE,
    user_id       text NOT NULL REFERENCES gateway.users (id),
    label         text NOT NULL,
    created_at_ms bigint NOT NULL,
    scopes        text NOT NULL,                 -- with blanks between; empty: all that the user's role may do
    used_at_ms    bigint,
    expires_at_ms bigint
);
CREATE INDEX api_keys_by_user ON gateway.api_keys (user_id);

CREATE TABLE gateway.pairing_codes (
    hash          bytea PRIMARY KEY,
    user_id       text NOT NULL REFERENCES gateway.users (id),
    expires_at_ms bigint NOT NULL
);

CREATE TABLE gateway.sessions (
    id              text PRIMARY KEY,            -- the token family; `sid` of its access tokens
    user_id         text NOT NULL,               -- outlives its user: its end must stay known until its tokens are over
    key_id          text NOT NULL,               -- API key it began with; empty for other ways
    scopes          text NOT NULL,               -- as of api_keys
    client          text NOT NULL,               -- what it says it is
    seed            bytea NOT NULL,              -- random; each refresh token is made from the one before with it
    current_hash    bytea NOT NULL,              -- newest refresh token
    previous_hash   bytea,                       -- the one before, good until the newest is first used
    created_at_ms   bigint NOT NULL,
    refreshed_at_ms bigint NOT NULL,
    expires_at_ms   bigint NOT NULL,
    revoked_at_ms   bigint
);
CREATE INDEX sessions_by_expiry ON gateway.sessions (expires_at_ms);
CREATE INDEX sessions_by_user ON gateway.sessions (user_id);
CREATE INDEX sessions_by_key ON gateway.sessions (key_id);

CREATE TABLE gateway.endings (
    session_id  text PRIMARY KEY,
    version     bigint NOT NULL,                 -- of the mark `access` when it was ended
    ended_at_ms bigint NOT NULL
);
CREATE INDEX endings_by_version ON gateway.endings (version);

CREATE TABLE gateway.signing_keys (
    secret        bytea PRIMARY KEY,
    created_at_ms bigint NOT NULL,
    retired_at_ms bigint
);

-- Counters by which a replica hears what another has changed.
CREATE TABLE gateway.marks (
    topic   text PRIMARY KEY,
    version bigint NOT NULL
);
INSERT INTO gateway.marks VALUES ('schema', 2);

CREATE FUNCTION gateway.ring() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_notify(''clipferry_gateway'', NEW.topic); RETURN NEW; END';

CREATE TRIGGER rung AFTER INSERT OR UPDATE ON gateway.marks FOR EACH ROW EXECUTE FUNCTION gateway.ring();
