"""API keys: a lasting way in, for as much as the key says."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import structlog

from gateway.auth.caller import Caller
from gateway.auth.digests import digest
from gateway.auth.endings import end_sessions, key_session
from gateway.auth.scopes import OF_ROLE, joined, taken_apart
from gateway.auth.users import ACCESS_LOCK, holder_role
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
_WITH_MADE = """WITH RECURSIVE made (id) AS (
    SELECT id FROM api_keys WHERE id = $1 AND (user_id = $2 OR $2 = '')
    UNION SELECT api_keys.id FROM api_keys JOIN made ON api_keys.made_by = made.id
)
SELECT id FROM made"""
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
        self,
        user_id: str,
        *,
        label: str,
        scopes: Collection[str] | None,
        expires_in_s: int | None,
        parent: KeyEntry | None = None,
    ) -> tuple[str, KeyEntry]:
        """Make a key for a user; returns it, and what is known of it.

        Args:
            user_id: Name.
            label: What it is for.
            scopes: What it may be used for. None: all that the role may do.
            expires_in_s: Seconds that it is good. None: as long as `parent`, and without one until it is removed.
            parent: Key that whoever makes it for himself came with. It ends with that key.

        Raises:
            ClipferryError: FIELD_INVALID for no scopes, one beyond the role, an end after that of `parent`, or as of
                `holder_role`.
        """
        key, now_ms = f"{PREFIX}{secrets.token_urlsafe(32)}", self._clock.time_ms()
        entry = KeyEntry(
            secrets.token_urlsafe(9),
            user_id,
            label,
            frozenset(scopes or ()),
            now_ms,
            None,
            _end_ms(now_ms, expires_in_s, parent),
        )
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            role = await holder_role(run, user_id)
            if scopes is not None:
                check_scopes(entry.scopes, OF_ROLE[role], f"for the role {role}")
            await run(
                "INSERT INTO api_keys (hash, id, user_id, label, scopes, created_at_ms, expires_at_ms, made_by)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                digest(key),
                entry.id,
                user_id,
                label,
                joined(entry.scopes),
                now_ms,
                entry.expires_at_ms,
                "" if parent is None else parent.id,
            )
        logger.info("An API key was made.", action="api_key_added", key_id=entry.id, user_id=user_id)
        return key, entry

    async def remove(self, key_id: str, user_id: str | None) -> None:
        """Remove a key, the keys and codes that its user made with it, and end whatever began with them.

        Args:
            key_id: Which one.
            user_id: Whose it must be; None: anybody's.

        Raises:
            ClipferryError: KEY_NOT_FOUND when there is no such key, or it is somebody else's.
        """
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            rows = await run(_WITH_MADE, key_id, user_id or "")
            if not rows:
                raise ClipferryError(Reason.KEY_NOT_FOUND, f"There is no API key with the id {key_id[:64]!r}.")
            now_ms = self._clock.time_ms()
            for (each,) in rows:
                await run("DELETE FROM api_keys WHERE id = $1", each)
                await run("DELETE FROM pairing_codes WHERE made_by = $1", each)
                await end_sessions(run, "key_id = $2", each, now_ms=now_ms, also=[key_session(each)])
        logger.info("An API key was removed.", action="api_key_removed", key_id=key_id)
        await self._marks.look()

    async def behind(self, caller: Caller) -> KeyEntry | None:
        """Return the key that a caller came with, by way of a session too. None: no key, or the operator's own."""
        rows = await self._database.run(
            f"SELECT {_COLUMNS} FROM api_keys WHERE id = $1 OR id ="  # noqa: S608 - a fixed text
            " (SELECT key_id FROM sessions WHERE id = $2)",
            caller.session_id.removeprefix(key_session("")),
            caller.session_id,
        )
        return _entry(rows[0]) if rows and rows[0][0] != BOOTSTRAP else None


def check_scopes(wanted: frozenset[str], allowed: frozenset[str], whose: str) -> None:
    """Check the scopes that somebody wants a key to have.

    Args:
        wanted: Those.
        allowed: Those that it may have.
        whose: Who says so.

    Raises:
        ClipferryError: FIELD_INVALID when there is none, or one beyond `allowed`.
    """
    if not wanted:
        said = f"must be some of {joined(allowed)} {whose}; leave it out for all of them"
        raise field_invalid("scopes", said, "none")
    beyond = wanted - allowed
    if beyond:
        raise field_invalid("scopes", f"must be of {joined(allowed)} {whose}", joined(beyond))


def _end_ms(now_ms: int, expires_in_s: int | None, parent: KeyEntry | None) -> int | None:
    latest_ms = None if parent is None else parent.expires_at_ms
    if expires_in_s is None:
        return latest_ms
    end_ms = now_ms + expires_in_s * 1000
    if latest_ms is not None and end_ms > latest_ms:
        left_s = max(0, latest_ms - now_ms) // 1000
        said = f"must be at most {left_s}: the key that you came with is not good for longer"
        raise field_invalid("expiresInS", said, expires_in_s, limit_s=left_s)
    return end_ms


def _entry(row: Row) -> KeyEntry:
    key_id, user_id, label, scopes, created_at_ms, used_at_ms, expires_at_ms = row
    return KeyEntry(key_id, user_id, label, taken_apart(scopes), created_at_ms, used_at_ms, expires_at_ms)
