-- Names that are not given again, because the queue still has jobs of theirs; and codes that can be taken back.
CREATE TABLE removed_users (
    id            TEXT PRIMARY KEY,
    removed_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

ALTER TABLE pairing_codes ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE pairing_codes ADD COLUMN created_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE pairing_codes SET id = lower(hex(randomblob(9)));

UPDATE marks SET version = 4 WHERE topic = 'schema';
