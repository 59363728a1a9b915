-- Names that are not given again, because the queue still has jobs of theirs; and codes that can be taken back.
CREATE TABLE gateway.removed_users (
    id            text PRIMARY KEY,
    removed_at_ms bigint NOT NULL
);

ALTER TABLE gateway.pairing_codes ADD COLUMN id text NOT NULL DEFAULT '';
ALTER TABLE gateway.pairing_codes ADD COLUMN created_at_ms bigint NOT NULL DEFAULT 0;
UPDATE gateway.pairing_codes SET id = gen_random_uuid()::text;

UPDATE gateway.marks SET version = 4 WHERE topic = 'schema';
