-- Allowed chats, limited keys, and a list of sessions; and counters by which one gateway hears what another has changed.
-- Whoever could send anywhere before still can.
ALTER TABLE users ADD COLUMN is_enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN chats TEXT NOT NULL DEFAULT '*';

ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN used_at_ms INTEGER;
ALTER TABLE api_keys ADD COLUMN expires_at_ms INTEGER;

ALTER TABLE signing_keys ADD COLUMN retired_at_ms INTEGER;

-- Sessions outlive their user: what was ended must stay known until its tokens are over.
CREATE TABLE sessions_2 (
    id              TEXT PRIMARY KEY,
    user_id         TEXT NOT NULL,
    key_id          TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    client          TEXT NOT NULL,
    seed            BLOB NOT NULL,
    current_hash    BLOB NOT NULL,
    previous_hash   BLOB,
    created_at_ms   INTEGER NOT NULL,
    refreshed_at_ms INTEGER NOT NULL,
    expires_at_ms   INTEGER NOT NULL,
    revoked_at_ms   INTEGER
) WITHOUT ROWID;
INSERT INTO sessions_2
SELECT id, user_id, key_id, '', '', randomblob(32), current_hash, previous_hash, created_at_ms, created_at_ms, expires_at_ms,
       revoked_at_ms
FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_2 RENAME TO sessions;
CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_key ON sessions (key_id);

CREATE TABLE endings (
    session_id  TEXT PRIMARY KEY,
    version     INTEGER NOT NULL,
    ended_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX endings_by_version ON endings (version);

CREATE TABLE marks (
    topic   TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO marks VALUES ('schema', 2);
