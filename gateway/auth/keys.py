"""API keys: a lasting way in, for as much as the key says."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.auth.digests import digest
from gateway.auth.endings import end_sessions, key_session
from gateway.auth.scopes import OF_ROLE, joined, taken_apart
from gateway.auth.users import ACCESS_LOCK, let_in
from gateway.store.database import Database, Row
from gateway.store.marks import Marks
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason, field_invalid

logger = structlog.get_logger(__name__)

PREFIX = "cf_"
"""Begins every key that is made here, so that people and programs that look for lost secrets know it."""
BOOTSTRAP = "bootstrap"
"""Id and label of the operator's own key."""
BOOTSTRAP_USER = "admin"
_COLUMNS = "id, user_id, label, scopes, created_at_ms, used_at_ms, expires_at_ms"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What is known of a key; never the key."""

    id: str
    user_id: str
    label: str
    scopes: frozenset[str]
    """Empty: all that the user's role may do."""
    created_at_ms: int
    used_at_ms: int | None
    """To the hour."""
    expires_at_ms: int | None


class ApiKeys:
    """Makes and takes back keys. A key is shown once and kept only as a hash."""

    def __init__(self, database: Database, marks: Marks, clock: Clock) -> None:
        self._database = database
        self._marks = marks
        self._clock = clock

    async def set_bootstrap(self, api_key: str) -> None:
        """Make `api_key` the one key that lets the operator in as the user admin. Another one before ends with it."""
        now_ms = self._clock.time_ms()
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            await run(
                "INSERT INTO users (id, role, is_enabled, chats, created_at_ms) VALUES ($1, 'admin', 1, '*', $2)"
                " ON CONFLICT (id) DO UPDATE SET role = 'admin', is_enabled = 1",
                BOOTSTRAP_USER,
                now_ms,
            )
            if await run("SELECT 1 FROM api_keys WHERE id = $1 AND hash = $2", BOOTSTRAP, digest(api_key)):
                return
            await run("DELETE FROM api_keys WHERE id = $1", BOOTSTRAP)
            await end_sessions(run, "key_id = $2", BOOTSTRAP, now_ms=now_ms, also=[key_session(BOOTSTRAP)])
            await run(
                "INSERT INTO api_keys (hash, id, user_id, label, created_at_ms, scopes)"
                " VALUES ($1, $2, $3, $2, $4, '') ON CONFLICT (hash) DO NOTHING",
                digest(api_key),
                BOOTSTRAP,
                BOOTSTRAP_USER,
                now_ms,
            )

    async def any(self) -> bool:
        """Return whether anybody could sign in."""
        return bool(await self._database.run("SELECT 1 FROM api_keys LIMIT 1"))

    async def all(self, user_id: str | None) -> Sequence[KeyEntry]:
        """Return the keys of a user, or of everybody, oldest first."""
        where, arguments = ("", []) if user_id is None else (" WHERE user_id = $1", [user_id])
        rows = await self._database.run(
            f"SELECT {_COLUMNS} FROM api_keys{where} ORDER BY created_at_ms, id",  # noqa: S608 - two fixed texts
            *arguments,
        )
        return [_entry(row) for row in rows]

    async def add(
        self, user_id: str, role: str | None, *, label: str, scopes: Sequence[str], expires_in_s: int | None
    ) -> tuple[str, KeyEntry]:
        """Make a key for a user, who is added if new; returns it, and what is known of it.

        Args:
            user_id: Name.
            role: Of a new user, and what another must have. None: any, and ``user`` for a new one.
            label: What it is for.
            scopes: What it may be used for; empty for all that the role may do.
            expires_in_s: Seconds that it is good. None: until it is removed.

        Raises:
            ClipferryError: FIELD_INVALID for a bad name, another role than the user has, or a scope beyond the role.
        """
        key, now_ms = f"{PREFIX}{secrets.token_urlsafe(32)}", self._clock.time_ms()
        entry = KeyEntry(
            secrets.token_urlsafe(9),
            user_id,
            label,
            frozenset(scopes),
            now_ms,
            None,
            None if expires_in_s is None else now_ms + expires_in_s * 1000,
        )
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            kept = await let_in(run, user_id, role, now_ms)
            beyond = entry.scopes - OF_ROLE[kept]
            if beyond:
                raise field_invalid("scopes", f"must be of {joined(OF_ROLE[kept])} for the role {kept}", joined(beyond))
            await run(
                "INSERT INTO api_keys (hash, id, user_id, label, scopes, created_at_ms, expires_at_ms)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                digest(key),
                entry.id,
                user_id,
                label,
                joined(entry.scopes),
                now_ms,
                entry.expires_at_ms,
            )
        logger.info("An API key was made.", action="api_key_added", key_id=entry.id, user_id=user_id)
        return key, entry

    async def remove(self, key_id: str) -> None:
        """Remove a key, and end whatever began with it.

        Raises:
            ClipferryError: ROUTE_NOT_FOUND when there is no such key.
        """
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            if not await run("DELETE FROM api_keys WHERE id = $1 RETURNING id", key_id):
                raise ClipferryError(Reason.ROUTE_NOT_FOUND, f"There is no API key with the id {key_id[:64]!r}.")
            now_ms = self._clock.time_ms()
            await end_sessions(run, "key_id = $2", key_id, now_ms=now_ms, also=[key_session(key_id)])
        logger.info("An API key was removed.", action="api_key_removed", key_id=key_id)
        await self._marks.look()


def _entry(row: Row) -> KeyEntry:
    key_id, user_id, label, scopes, created_at_ms, used_at_ms, expires_at_ms = row
    return KeyEntry(key_id, user_id, label, taken_apart(scopes), created_at_ms, used_at_ms, expires_at_ms)
