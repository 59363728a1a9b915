"""From nothing to ready, and idle: S1 to S3."""
