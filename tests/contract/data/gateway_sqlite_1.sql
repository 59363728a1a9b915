BEGIN TRANSACTION;
CREATE TABLE "_yoyo_log" (
            "id" VARCHAR(36),
            "migration_hash" VARCHAR(64),
            "migration_id" VARCHAR(255),
            "operation" VARCHAR(10),
            "username" VARCHAR(255),
            "hostname" VARCHAR(255),
            "comment" VARCHAR(255),
            "created_at_utc" TIMESTAMP,
            PRIMARY KEY ("id")
        );
CREATE TABLE "_yoyo_migration" (
            "migration_hash" VARCHAR(64),
            "migration_id" VARCHAR(255),
            "applied_at_utc" TIMESTAMP,
            PRIMARY KEY ("migration_hash")
        );
INSERT INTO "_yoyo_migration" VALUES('f76703d6e8bd1fe35324264cbecc15a40a7dfa8a6cc6ae55f01d647c5e7054b2','0001.initial','2026-11-25T14:12:24.798246');
CREATE TABLE "_yoyo_version" (
            "version" INT NOT NULL PRIMARY KEY,
            "installed_at_utc" TIMESTAMP
        );
INSERT INTO "_yoyo_version" VALUES(2,'2026-11-25 14:12:24.787708');
CREATE TABLE api_keys (
    hash          BLOB PRIMARY KEY,              -- SHA-256; keys are random, so no salt
    id            TEXT NOT NULL UNIQUE,
    user_id       TEXT NOT NULL REFERENCES users (id),
    label         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "api_keys" VALUES(X'5E9011B431969999B07D74DD73857716D35CE38C48F396B47D89D7CD6CED0B01','key-1','ann','script',1790000000000);
CREATE TABLE pairing_codes (
    hash          BLOB PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id),
    expires_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "pairing_codes" VALUES(X'84D89877F0D4041EFB6BF91A16F0248F2FD573E6AF05C19F96BEDB9F882F7882','ann',4102444800000);
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
INSERT INTO "sessions" VALUES('session-1','ann','key-1',X'F865A88F563B9FBC4C224F6FBABD2EC9F810EFEFC61B212BDA20EE64A6FB2840',X'BD473E5DCDCE2510C2DF4F0C5A54A605FA3647FE74AFAE20A8CDB8B91B1A1F63',1790000000000,4102444800000,NULL);
INSERT INTO "sessions" VALUES('session-2','ann','',X'4482E973EC11C6135FEE76B488AE112DBAD4FD03FEA792ACE9C0CF7875E714FE',NULL,1790000000000,4102444800000,1790000000005);
CREATE TABLE signing_keys (
    secret        BLOB PRIMARY KEY,
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "signing_keys" VALUES(X'7369676E696E672D6B65792D6F662D7468652D66697273742D76657273696F6E',1790000000000);
CREATE TABLE users (
    id            TEXT PRIMARY KEY,              -- the name; owner of jobs in the queue
    role          TEXT NOT NULL CHECK (role IN ('user', 'admin')),
    created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "users" VALUES('admin','admin',1790000000000);
INSERT INTO "users" VALUES('ann','user',1790000000000);
CREATE TABLE "yoyo_lock" ("locked" INT DEFAULT 1, "ctime" TIMESTAMP,"pid" INT NOT NULL,PRIMARY KEY ("locked"));
CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);
COMMIT;
