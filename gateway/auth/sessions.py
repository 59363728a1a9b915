"""Sign-ins: what turns a key, a code or a refresh token into tokens."""

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from gateway.auth.store import AuthStore
from gateway.auth.tokens import AccessTokens
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in gives."""

    access_token: str
    refresh_token: str
    expires_in_s: int
    """Seconds that the access token is valid."""
    user_id: str
    role: str
    session_id: str


class Sessions:
    """Sign-ins and their rotating refresh tokens.

    A refresh token is good once; the one before stays good until the new one is first used, because a client may die
    between the answer and the storing of it. An older one means theft or a copy: the whole session ends.
    """

    def __init__(self, store: AuthStore, tokens: AccessTokens, *, ttl_s: int, clock: Clock) -> None:
        self._store = store
        self._tokens = tokens
        self._ttl_s = ttl_s
        self._clock = clock
        self.on_revoked: Callable[[str], None] = lambda _session_id: None
        """Called with the id of each session that ends before its time."""

    async def open_by_key(self, api_key: str) -> Grant:
        """Sign in with an API key.

        Raises:
            ClipferryError: UNAUTHENTICATED.
        """

        def find(db: sqlite3.Connection) -> tuple[str, str, str] | None:
            found: tuple[str, str, str] | None = db.execute(
                "SELECT u.id, u.role, k.id FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.hash = ?",
                (digest(api_key),),
            ).fetchone()
            return found

        user = await self._store.run(find)
        if user is None:
            logger.warning("A sign-in was refused.", action="sign_in_refused", way="api_key")
            raise ClipferryError(Reason.UNAUTHENTICATED, "The API key is not valid.")
        return await self._open(*user)

    async def open_by_code(self, code: str) -> Grant:
        """Sign in with a one-time pairing code, which is gone then.

        Raises:
            ClipferryError: UNAUTHENTICATED, for a code that is wrong, used or too old.
        """
        now_ms = self._clock.time_ms()

        def take(db: sqlite3.Connection) -> tuple[str, str] | None:
            taken = db.execute(
                "DELETE FROM pairing_codes WHERE hash = ? AND expires_at_ms > ? RETURNING user_id",
                (digest(normal_code(code)), now_ms),
            ).fetchone()
            if taken is None:
                return None
            user: tuple[str, str] = db.execute("SELECT id, role FROM users WHERE id = ?", taken).fetchone()
            return user

        user = await self._store.run(take)
        if user is None:
            logger.warning("A sign-in was refused.", action="sign_in_refused", way="pairing_code")
            raise ClipferryError(Reason.UNAUTHENTICATED, "The pairing code is not valid, was used or is too old.")
        return await self._open(*user, "")

    async def _open(self, user_id: str, role: str, key_id: str) -> Grant:
        session_id, secret, now_ms = secrets.token_urlsafe(12), secrets.token_urlsafe(32), self._clock.time_ms()

        def keep(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM sessions WHERE expires_at_ms <= ?", (now_ms,))
            db.execute(
                "INSERT INTO sessions (id, user_id, key_id, current_hash, created_at_ms, expires_at_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (session_id, user_id, key_id, digest(secret), now_ms, now_ms + self._ttl_s * 1000),
            )

        await self._store.run(keep)
        logger.info("A user signed in.", action="signed_in", user_id=user_id, session_id=session_id)
        return self._grant(user_id, role, session_id, secret)

    async def refresh(self, refresh_token: str) -> Grant:
        """Trade a refresh token for new tokens.

        Raises:
            ClipferryError: UNAUTHENTICATED. If the token was good once but is two generations old, the session ends.
        """
        session_id, _, shown = refresh_token.partition(".")
        secret, now_ms = secrets.token_urlsafe(32), self._clock.time_ms()

        def rotate(db: sqlite3.Connection) -> tuple[str, str] | str:
            row = db.execute(
                "SELECT u.id, u.role, s.current_hash, s.previous_hash FROM sessions s JOIN users u ON u.id = s.user_id"
                " WHERE s.id = ? AND s.revoked_at_ms IS NULL AND s.expires_at_ms > ?",
                (session_id, now_ms),
            ).fetchone()
            if row is None:
                return "unknown"
            user_id, role, current_hash, previous_hash = row
            if digest(shown) == current_hash:
                previous_hash = current_hash
            elif digest(shown) != previous_hash:
                db.execute("UPDATE sessions SET revoked_at_ms = ? WHERE id = ?", (now_ms, session_id))
                return "reused"
            db.execute(
                "UPDATE sessions SET current_hash = ?, previous_hash = ? WHERE id = ?",
                (digest(secret), previous_hash, session_id),
            )
            return user_id, role

        outcome = await self._store.run(rotate)
        if isinstance(outcome, tuple):
            return self._grant(*outcome, session_id, secret)
        if outcome == "reused":
            logger.warning("A refresh token was used again.", action="refresh_token_reused", session_id=session_id)
            self.on_revoked(session_id)
        raise ClipferryError(Reason.UNAUTHENTICATED, "The refresh token is not valid; sign in again.")

    async def revoke(self, session_ids: Sequence[str]) -> None:
        """End sessions now: their tokens, old and new, are refused."""
        now_ms = self._clock.time_ms()

        def end(db: sqlite3.Connection) -> None:
            db.executemany(
                "UPDATE sessions SET revoked_at_ms = ? WHERE id = ? AND revoked_at_ms IS NULL",
                [(now_ms, session_id) for session_id in session_ids],
            )

        await self._store.run(end)
        for session_id in session_ids:
            logger.info("A session was ended.", action="session_revoked", session_id=session_id)
            self.on_revoked(session_id)

    def _grant(self, user_id: str, role: str, session_id: str, secret: str) -> Grant:
        access_token = self._tokens.issue(user_id=user_id, role=role, session_id=session_id)
        return Grant(access_token, f"{session_id}.{secret}", self._tokens.ttl_s, user_id, role, session_id)


async def revoked_sessions(store: AuthStore) -> list[str]:
    """Return the ids of sessions that were ended before their time."""
    return await store.run(
        lambda db: [row[0] for row in db.execute("SELECT id FROM sessions WHERE revoked_at_ms IS NOT NULL")]
    )


def digest(secret: str) -> bytes:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode()).digest()


def normal_code(code: str) -> str:
    """Return a pairing code as it was made, however a person typed it."""
    return code.upper().replace("-", "").replace(" ", "").replace("O", "0").replace("I", "1").replace("L", "1")
