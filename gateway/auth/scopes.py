"""What a token may be used for."""

JOBS_READ = "jobs:read"
JOBS_WRITE = "jobs:write"
STATS_READ = "stats:read"
ADMIN = "admin"

OF_ROLE = {
    "user": frozenset({JOBS_READ, JOBS_WRITE, STATS_READ}),
    "admin": frozenset({JOBS_READ, JOBS_WRITE, STATS_READ, ADMIN}),
}
"""All that a role may do. A key can be limited to a part of it."""


def joined(scopes: frozenset[str]) -> str:
    """Return `scopes` as they are written in tokens and kept: in order, with blanks between (RFC 6749, section 3.3)."""
    return " ".join(sorted(scopes))


def taken_apart(written: str) -> frozenset[str]:
    """Return the scopes of `joined`."""
    return frozenset(written.split())
