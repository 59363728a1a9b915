"""The end of sessions before their time: written here, heard of at every gateway as `gateway.store.marks` says."""

from collections.abc import Callable, Iterable

import structlog

from gateway.store.database import Database, Run
from gateway.store.marks import Marks, mark

logger = structlog.get_logger(__name__)

ENDINGS = "endings"
"""Topic of the marks."""
_END = "UPDATE sessions SET revoked_at_ms = $1 WHERE revoked_at_ms IS NULL AND expires_at_ms > $1"
_KEPT_MS = 2 * 86_400_000
"""Longer than any access token is valid: a gateway that was cut off for longer has no connection of theirs any more."""


async def end_sessions(
    run: Run, condition: str, *arguments: object, now_ms: int, also: Iterable[str] = ()
) -> list[str]:
    """End the sessions that meet a condition, within a transaction.

    Args:
        run: Of the transaction.
        condition: SQL over `sessions`, with parameters from ``$2`` on.
        arguments: For the parameters.
        now_ms: Milliseconds since 1970.
        also: Ids of what is like a session but has no row: see `key_session` and `external_session`.

    Returns:
        The ids of all that have ended now.
    """
    rows = await run(
        f"{_END} AND {condition} RETURNING id",
        now_ms,
        *arguments,
    )
    ended = [row[0] for row in rows] + list(also)
    if ended:
        version = await mark(run, ENDINGS)
        await run("DELETE FROM endings WHERE ended_at_ms < $1", now_ms - _KEPT_MS)
    for session_id in ended:
        await run(
            "INSERT INTO endings (session_id, version, ended_at_ms) VALUES ($1, $2, $3)"
            " ON CONFLICT (session_id) DO UPDATE SET version = excluded.version, ended_at_ms = excluded.ended_at_ms",
            session_id,
            version,
            now_ms,
        )
        logger.info("A session was ended.", action="session_revoked", session_id=session_id)
    return ended


def key_session(key_id: str) -> str:
    """Return the session id of whoever shows an API key itself."""
    return f"key:{key_id}"


def external_session(user_id: str, role: str) -> str:
    """Return the session id of whoever shows a token of another issuer; for an admin it is another than for a user."""
    return f"ext:{role}:{user_id}"


async def tell_endings(database: Database, marks: Marks, on_ended: Callable[[str], None]) -> None:
    """Call `on_ended` with the id of each session that ends from now on, wherever. Raises as a statement does."""

    async def heard(known: int, _version: int) -> None:
        for (session_id,) in await database.run("SELECT session_id FROM endings WHERE version > $1", known):
            on_ended(session_id)

    await marks.listen(ENDINGS, heard)
