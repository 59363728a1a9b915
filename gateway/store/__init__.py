"""The gateway's own store: a SQLite file for one gateway, or a schema of a PostgreSQL database for many."""
