"""Users: who there is, what they may do, and where they may send to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.auth.chats import DEFAULT, checked_chats
from gateway.auth.endings import end_sessions, external_session, key_session
from gateway.auth.scopes import OF_ROLE, joined, taken_apart
from gateway.store.database import Database, Row, Run
from gateway.store.marks import Marks, mark
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason, field_invalid

logger = structlog.get_logger(__name__)

USERS = "users"
"""Topic of the marks: somebody's role, chats or being enabled has changed."""
ACCESS_LOCK = "access"
"""Held by whatever changes users, keys or many sessions: seldom, and never two at once."""
_SELECT = "SELECT id, role, is_enabled, chats, created_at_ms FROM users"
_ADD = """INSERT INTO users (id, role, is_enabled, chats, created_at_ms) VALUES ($1, $2, 1, $3, $4)
ON CONFLICT (id) DO NOTHING RETURNING id"""
_REMOVED = "SELECT id FROM removed_users WHERE id = $1"
_KEEP_NAME = """INSERT INTO removed_users (id, removed_at_ms) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET removed_at_ms = excluded.removed_at_ms"""
_USER_ID = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    """One user."""

    id: str
    role: str
    is_enabled: bool
    chats: frozenset[str]
    created_at_ms: int


class Users:
    """Adds, changes and removes users."""

    def __init__(self, database: Database, marks: Marks, clock: Clock) -> None:
        self._database = database
        self._marks = marks
        self._clock = clock

    async def all(self) -> Sequence[User]:
        """Return everybody, by name."""
        return [_user(row) for row in await self._database.run(f"{_SELECT} ORDER BY id")]

    async def get(self, user_id: str) -> User:
        """Return one.

        Raises:
            ClipferryError: USER_NOT_FOUND.
        """
        rows = await self._database.run(f"{_SELECT} WHERE id = $1", user_id)
        if not rows:
            raise _no_such_user(user_id)
        return _user(rows[0])

    async def add(self, user_id: str, role: str, chats: Sequence[str] | None) -> User:
        """Add a user.

        Args:
            user_id: Name.
            role: ``user`` or ``admin``.
            chats: See `gateway.auth.chats`. None: the operator's.

        Raises:
            ClipferryError: FIELD_INVALID for a bad or a taken name, for one of a removed user, or for what is no chat.
        """
        check_user_id(user_id)
        allowed = checked_chats([DEFAULT] if chats is None else chats)
        user = User(user_id, role, is_enabled=True, chats=allowed, created_at_ms=self._clock.time_ms())
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            await _check_unused(run, user_id)
            if not await run(_ADD, user_id, role, joined(allowed), user.created_at_ms):
                raise field_invalid("user", "must be new; there is one of that name", user_id)
        logger.info("A user was added.", action="user_added", user_id=user_id, role=role)
        return user

    async def change(
        self, user_id: str, *, role: str | None, chats: Sequence[str] | None, is_enabled: bool | None
    ) -> User:
        """Change what is not None. Another role, or none any more, ends the user's sessions.

        Raises:
            ClipferryError: USER_NOT_FOUND; FIELD_INVALID for what is no chat, or for the role of whoever is of another
                issuer.
        """
        allowed = None if chats is None else joined(checked_chats(chats))
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            before = await _get(run, user_id)
            if role not in (None, before.role) and is_external(user_id):
                raise field_invalid("role", f"must be {before.role}, which is what the user's issuer says", role)
            after = User(
                user_id,
                role or before.role,
                before.is_enabled if is_enabled is None else is_enabled,
                before.chats if allowed is None else taken_apart(allowed),
                before.created_at_ms,
            )
            await run(
                "UPDATE users SET role = $1, is_enabled = $2, chats = $3 WHERE id = $4",
                after.role,
                int(after.is_enabled),
                joined(after.chats),
                user_id,
            )
            await mark(run, USERS)
            if after.role != before.role or (before.is_enabled and not after.is_enabled):
                await self._send_away(run, user_id)
        logger.info(
            "A user was changed.", action="user_changed", user_id=user_id, role=after.role, is_enabled=after.is_enabled
        )
        await self._marks.look()
        return after

    async def remove(self, user_id: str) -> None:
        """Remove a user with all keys and codes, and end the sessions. Jobs stay, and so the name is not given again.

        Raises:
            ClipferryError: USER_NOT_FOUND.
        """
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            await _get(run, user_id)
            await self._send_away(run, user_id)
            await run("DELETE FROM api_keys WHERE user_id = $1", user_id)
            await run("DELETE FROM pairing_codes WHERE user_id = $1", user_id)
            await run("DELETE FROM users WHERE id = $1", user_id)
            await run(_KEEP_NAME, user_id, self._clock.time_ms())
            await mark(run, USERS)
        logger.info("A user was removed.", action="user_removed", user_id=user_id)
        await self._marks.look()

    async def _send_away(self, run: Run, user_id: str) -> None:
        keys = await run("SELECT id FROM api_keys WHERE user_id = $1", user_id)
        also = [key_session(key_id) for (key_id,) in keys]
        if is_external(user_id):
            also += [external_session(user_id, role) for role in OF_ROLE]
        await end_sessions(run, "user_id = $2", user_id, now_ms=self._clock.time_ms(), also=also)


async def holder_role(run: Run, user_id: str) -> str:
    """Return the role of a user who is to get a key or a code.

    Args:
        run: Of the transaction.
        user_id: Name.

    Raises:
        ClipferryError: FIELD_INVALID when there is none, or when another issuer lets the user in.
    """
    rows = await run("SELECT role FROM users WHERE id = $1", user_id)
    if not rows:
        raise field_invalid(
            "user", "must be there; an admin adds one by POST /api/admin/users, or by clipferry users add", user_id
        )
    if is_external(user_id):
        raise field_invalid("user", "must not be one of another issuer, who signs in there", user_id)
    return str(rows[0][0])


def check_user_id(user_id: str) -> None:
    """Check a name that somebody chose. Users of other issuers have a colon in theirs, so nobody can take one.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    if not _USER_ID.fullmatch(user_id):
        raise field_invalid(
            "user", "must be 1 to 64 of a-z, 0-9 and . _ @ -, and begin with a letter or digit", user_id
        )


def is_external(user_id: str) -> bool:
    """Return whether a user came with a token of another issuer."""
    return ":" in user_id


async def _check_unused(run: Run, user_id: str) -> None:
    """Whoever gets the name of somebody else who was removed would get the jobs too: the queue knows only names.

    A user who is there has the name by right: the operator's own admin, who comes back at every start.
    """
    if await run(_REMOVED, user_id) and not await run("SELECT id FROM users WHERE id = $1", user_id):
        raise field_invalid("user", "must be new; a user of that name was removed, whose jobs are kept", user_id)


async def _get(run: Run, user_id: str) -> User:
    rows = await run(f"{_SELECT} WHERE id = $1", user_id)
    if not rows:
        raise _no_such_user(user_id)
    return _user(rows[0])


def _no_such_user(user_id: str) -> ClipferryError:
    return ClipferryError(Reason.USER_NOT_FOUND, f"There is no user {user_id[:64]!r}.")


def _user(row: Row) -> User:
    user_id, role, is_enabled, chats, created_at_ms = row
    return User(user_id, role, bool(is_enabled), taken_apart(chats), created_at_ms)
