-- Users, the ways in, and what came of them.
CREATE TABLE users (
    id            TEXT PRIMARY KEY,              -- the name; owner of jobs in the queue
    role          TEXT NOT NULL CHECK (role IN ('user', 'admin')),
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    hash          BLOB PRIMARY KEY,              -- SHA-256; keys are random, so no salt
    id            TEXT NOT NULL UNIQUE,
    user_id       TEXT NOT NULL REFERENCES users (id),
    label         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE pairing_codes (
    hash          BLOB PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id),
    expires_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,              -- the token family; `sid` of its access tokens
    user_id       TEXT NOT NULL REFERENCES users (id),
    key_id        TEXT NOT NULL,                 -- API key it began with; empty for a pairing code
    current_hash  BLOB NOT NULL,                 -- newest refresh token
    previous_hash BLOB,                          -- the one before, good until the newest is first used
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
) WITHOUT ROWID;

CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);

CREATE TABLE signing_keys (
    secret        BLOB PRIMARY KEY,
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
