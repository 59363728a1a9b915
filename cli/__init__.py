"""The `clipferry` command: sends videos, follows them, administers, and runs all of clipferry in one process."""
