"""Users and their ways in: API keys and pairing codes."""

import re
import secrets
import sqlite3
from dataclasses import dataclass

from gateway.auth.sessions import digest
from gateway.auth.store import AuthStore
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason, field_invalid

BOOTSTRAP_USER = "admin"
_BOOTSTRAP_LABEL = "bootstrap"
_USER_ID = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 10


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A one-time way in."""

    code: str
    user_id: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A lasting way in. The key itself is shown once and kept only as a hash."""

    key: str
    id: str
    user_id: str


class Users:
    """Adds users and hands out ways in."""

    def __init__(self, store: AuthStore, *, code_ttl_s: int, clock: Clock) -> None:
        self._store = store
        self._code_ttl_s = code_ttl_s
        self._clock = clock

    async def set_bootstrap_key(self, api_key: str) -> None:
        """Make `api_key` the one bootstrap key of the user admin."""
        now_ms = self._clock.time_ms()

        def put(db: sqlite3.Connection) -> None:
            _add_user(db, BOOTSTRAP_USER, "admin", now_ms)
            db.execute("DELETE FROM api_keys WHERE label = ?", (_BOOTSTRAP_LABEL,))
            db.execute(
                "INSERT INTO api_keys (hash, id, user_id, label, created_at_ms) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (hash) DO NOTHING",
                (digest(api_key), _BOOTSTRAP_LABEL, BOOTSTRAP_USER, _BOOTSTRAP_LABEL, now_ms),
            )

        await self._store.run(put)

    async def has_way_in(self) -> bool:
        """Return whether anybody could sign in."""
        return await self._store.run(lambda db: db.execute("SELECT 1 FROM api_keys LIMIT 1").fetchone() is not None)

    async def add_code(self, user_id: str, role: str) -> PairingCode:
        """Make a pairing code for a user, who is added if new.

        Raises:
            ClipferryError: FIELD_INVALID for a bad name, or when the user has another role.
        """
        code = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_LENGTH))
        now_ms = self._clock.time_ms()
        expires_at_ms = now_ms + self._code_ttl_s * 1000

        def put(db: sqlite3.Connection) -> None:
            _add_user(db, user_id, role, now_ms)
            db.execute("DELETE FROM pairing_codes WHERE expires_at_ms <= ?", (now_ms,))
            db.execute("INSERT INTO pairing_codes VALUES (?, ?, ?)", (digest(code), user_id, expires_at_ms))

        await self._store.run(put)
        return PairingCode(f"{code[:5]}-{code[5:]}", user_id, expires_at_ms)

    async def add_key(self, user_id: str, role: str, label: str) -> ApiKey:
        """Make an API key for a user, who is added if new. Raises as `add_code` does."""
        key, key_id, now_ms = f"cf_{secrets.token_urlsafe(32)}", secrets.token_urlsafe(9), self._clock.time_ms()

        def put(db: sqlite3.Connection) -> None:
            _add_user(db, user_id, role, now_ms)
            db.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?)", (digest(key), key_id, user_id, label, now_ms))

        await self._store.run(put)
        return ApiKey(key, key_id, user_id)

    async def remove_key(self, key_id: str) -> list[str]:
        """Remove an API key; returns the sessions that began with it and are to be ended.

        Raises:
            ClipferryError: ROUTE_NOT_FOUND when there is no such key.
        """

        def remove(db: sqlite3.Connection) -> list[str] | None:
            if db.execute("DELETE FROM api_keys WHERE id = ?", (key_id,)).rowcount == 0:
                return None
            open_sessions = "SELECT id FROM sessions WHERE key_id = ? AND revoked_at_ms IS NULL"
            return [row[0] for row in db.execute(open_sessions, (key_id,))]

        sessions = await self._store.run(remove)
        if sessions is None:
            raise ClipferryError(Reason.ROUTE_NOT_FOUND, f"There is no API key with the id {key_id[:64]!r}.")
        return sessions


async def signing_key(store: AuthStore, clock: Clock) -> bytes:
    """Return the signing key that is kept in the store, making it the first time."""

    def get(db: sqlite3.Connection) -> bytes:
        row = db.execute("SELECT secret FROM signing_keys ORDER BY created_at_ms DESC LIMIT 1").fetchone()
        if row is None:
            row = (secrets.token_bytes(32),)
            db.execute("INSERT INTO signing_keys VALUES (?, ?)", (row[0], clock.time_ms()))
        return bytes(row[0])

    return await store.run(get)


def _add_user(db: sqlite3.Connection, user_id: str, role: str, now_ms: int) -> None:
    if not _USER_ID.fullmatch(user_id):
        raise field_invalid(
            "user", "must be 1 to 64 of a-z, 0-9 and . _ @ -, and begin with a letter or digit", user_id
        )
    row = db.execute("SELECT role FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        db.execute("INSERT INTO users VALUES (?, ?, ?)", (user_id, role, now_ms))
    elif row[0] != role:
        raise field_invalid("role", f"must be {row[0]}, which is what the user {user_id} has", role)
