"""The store in one SQLite file, held by one process."""
