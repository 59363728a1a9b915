-- What somebody made for himself while signed in by a key: it ends with that key.
ALTER TABLE api_keys ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE pairing_codes ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
UPDATE marks SET version = 6 WHERE topic = 'schema';
