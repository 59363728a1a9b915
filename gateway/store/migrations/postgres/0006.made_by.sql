-- What somebody made for himself while signed in by a key: it ends with that key.
ALTER TABLE gateway.api_keys ADD COLUMN made_by text NOT NULL DEFAULT '';
ALTER TABLE gateway.pairing_codes ADD COLUMN made_by text NOT NULL DEFAULT '';
UPDATE gateway.marks SET version = 6 WHERE topic = 'schema';
