"""What every service that has a PostgreSQL store says of it: addresses, failures, types."""

from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What can come of a database that goes away; the last when it goes in mid-statement."""

FAULTS_OF_A_CALL = (asyncpg.IntegrityConstraintViolationError, asyncpg.exceptions.DataError, asyncpg.DataError)
"""What the database says of a call, not of itself."""


def shown(url: str) -> str:
    """Return host, port and name in a database's URL, without user and password."""
    parts = urlsplit(url)
    host = parts.hostname or dict(parse_qsl(parts.query)).get("host", "localhost")
    return f"{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def migrations_url(url: str, schema: str) -> str:
    """Return `url` as the tool for migrations wants it, which keeps its own tables in `schema` too."""
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query), ("schema", schema)])
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query, ""))
