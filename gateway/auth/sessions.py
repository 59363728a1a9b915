"""Sign-ins: what turns a key, a code or a refresh token into tokens, and what ends them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.auth import refreshing
from gateway.auth.attempts import note_refusal
from gateway.auth.digests import digest
from gateway.auth.endings import end_sessions
from gateway.auth.key_lookup import check_enabled, find_key, scopes_of
from gateway.auth.pairing import PairingCodes
from gateway.auth.tokens import AccessTokens
from gateway.auth.users import ACCESS_LOCK
from gateway.store.database import Database, Run
from gateway.store.marks import Marks
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

_CLIENT_LENGTH = 100
_SIGN_IN_AGAIN = "The refresh token is not valid; sign in again."


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in gives."""

    access_token: str
    refresh_token: str
    expires_in_s: int
    """Seconds that the access token is valid."""
    user_id: str
    role: str
    scopes: frozenset[str]
    session_id: str


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that has not ended."""

    id: str
    user_id: str
    key_id: str
    """API key it began with, by way of a pairing code too; empty for other ways."""
    client: str
    """What the client said it was when it signed in."""
    created_at_ms: int
    refreshed_at_ms: int
    expires_at_ms: int


class Sessions:
    """Sign-ins and their rotating refresh tokens.

    A refresh token is good until the one that came of it is first used, because a client may die between the answer and
    the storing of it. An older one means theft or a copy: the whole session ends.
    """

    def __init__(
        self,
        database: Database,
        marks: Marks,
        tokens: AccessTokens,
        codes: PairingCodes,
        *,
        ttl_s: int,
        clock: Clock,
    ) -> None:
        self._database = database
        self._marks = marks
        self._tokens = tokens
        self._codes = codes
        self._ttl_s = ttl_s
        self._clock = clock

    async def open_by_key(self, api_key: str, client: str, address: str) -> Grant:
        """Sign in with an API key.

        Args:
            api_key: As it was shown.
            client: What the client says it is.
            address: Its address, for the log.

        Raises:
            ClipferryError: UNAUTHENTICATED or STORE_UNAVAILABLE.
        """
        try:
            holder = await find_key(self._database, api_key, self._clock.time_ms())
        except ClipferryError as error:
            note_refusal("api_key", error, address)
            raise
        return await self._open(holder.user_id, client, key_id=holder.id, limited_to=holder.limited_to)

    async def open_by_code(self, code: str, client: str, address: str) -> Grant:
        """Sign in with a one-time pairing code, which is gone then. Raises as `open_by_key` does."""
        taken = await self._codes.take(code)
        if taken is None:
            error = ClipferryError(Reason.UNAUTHENTICATED, "The pairing code is not valid, was used or is too old.")
            note_refusal("pairing_code", error, address)
            raise error
        user_id, made_by = taken
        return await self._open(user_id, client, key_id=made_by)

    async def _open(self, user_id: str, client: str, *, key_id: str = "", limited_to: str = "") -> Grant:
        session_id, seed = secrets.token_urlsafe(12), secrets.token_bytes(refreshing.SEED_BYTES)
        secret, now_ms = refreshing.first_secret(), self._clock.time_ms()
        expires_at_ms = now_ms + self._ttl_s * 1000
        async with self._database.transaction() as run:
            role = await _role(run, user_id)
            await run("DELETE FROM sessions WHERE expires_at_ms <= $1", now_ms)
            await run(
                "INSERT INTO sessions (id, user_id, key_id, scopes, client, seed, current_hash, created_at_ms,"
                " refreshed_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)",
                session_id,
                user_id,
                key_id,
                limited_to,
                _described(client),
                seed,
                digest(secret),
                now_ms,
                expires_at_ms,
            )
        logger.info("A user signed in.", action="signed_in", user_id=user_id, session_id=session_id)
        shown = refreshing.written(session_id, seed, secret)
        return self._grant(user_id, role, limited_to, shown, expires_at_ms)

    async def refresh(self, refresh_token: str) -> Grant:
        """Trade a refresh token for new tokens; the same refresh token for all who ask at once, wherever.

        Raises:
            ClipferryError: UNAUTHENTICATED. If the token was good once but is two generations old, the session ends.
        """
        token, now_ms = refreshing.taken_apart(refresh_token), self._clock.time_ms()
        async with self._database.transaction() as run:
            # It writes first, so that nobody else refreshes or ends the session meanwhile.
            rows = await run(
                "UPDATE sessions SET refreshed_at_ms = refreshed_at_ms"
                " WHERE id = $1 AND revoked_at_ms IS NULL AND expires_at_ms > $2"
                " RETURNING user_id, scopes, expires_at_ms, refreshed_at_ms, seed, current_hash, previous_hash",
                token.session_id,
                now_ms,
            )
            if not rows:
                raise ClipferryError(Reason.UNAUTHENTICATED, _SIGN_IN_AGAIN)
            user_id, limited_to, expires_at_ms, *columns = rows[0]
            kept = refreshing.Kept(*columns)
            ended = None
            if refreshing.is_good(token, kept):
                role = await _role(run, user_id)
                moment_ms = refreshing.moment_of(token, kept, now_ms)
                secret = refreshing.next_secret(kept.seed, token.secret, moment_ms)
                await run(
                    "UPDATE sessions SET current_hash = $1, previous_hash = $2, refreshed_at_ms = $3 WHERE id = $4",
                    digest(secret),
                    digest(token.secret),
                    moment_ms,
                    token.session_id,
                )
            elif refreshing.was_good_once(token, kept):
                ended = await end_sessions(run, "id = $2", token.session_id, now_ms=now_ms)
            else:
                raise ClipferryError(Reason.UNAUTHENTICATED, _SIGN_IN_AGAIN)
        if ended is not None:
            logger.warning("A refresh token was used again.", action="refresh_token_reused", session_id=ended[0])
            await self._marks.look()
            raise ClipferryError(Reason.UNAUTHENTICATED, _SIGN_IN_AGAIN)
        shown = refreshing.written(token.session_id, kept.seed, secret)
        return self._grant(user_id, role, limited_to, shown, expires_at_ms)

    async def all(self, user_id: str) -> Sequence[Session]:
        """Return the sessions of a user that have not ended, newest first."""
        rows = await self._database.run(
            "SELECT id, user_id, key_id, client, created_at_ms, refreshed_at_ms, expires_at_ms FROM sessions"
            " WHERE user_id = $1 AND revoked_at_ms IS NULL AND expires_at_ms > $2 ORDER BY created_at_ms DESC, id",
            user_id,
            self._clock.time_ms(),
        )
        return [Session(*row) for row in rows]

    async def end(self, session_id: str, user_id: str | None) -> None:
        """End a session now: its tokens, old and new, are refused, and its live connections are closed.

        Args:
            session_id: Which one.
            user_id: Whose it must be; None: anybody's.

        Raises:
            ClipferryError: SESSION_NOT_FOUND when there is none, or it is somebody else's.
        """
        if not await self._end("id = $2 AND (user_id = $3 OR $3 = '')", session_id, user_id or ""):
            raise ClipferryError(Reason.SESSION_NOT_FOUND, f"There is no open session {session_id[:64]!r}.")

    async def end_all(self, user_id: str) -> None:
        """End every session of a user."""
        await self._end("user_id = $2", user_id)

    async def _end(self, condition: str, *arguments: object) -> list[str]:
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            ended = await end_sessions(run, condition, *arguments, now_ms=self._clock.time_ms())
        await self._marks.look()
        return ended

    def _grant(self, user_id: str, role: str, limited_to: str, refresh_token: str, ends_at_ms: int) -> Grant:
        scopes, session_id = scopes_of(role, limited_to), refreshing.taken_apart(refresh_token).session_id
        access_token, expires_in_s = self._tokens.issue(
            user_id=user_id, session_id=session_id, scopes=scopes, session_ends_at_ms=ends_at_ms
        )
        return Grant(access_token, refresh_token, expires_in_s, user_id, role, scopes, session_id)


async def _role(run: Run, user_id: str) -> str:
    """Return the role of a user who may sign in. Raises UNAUTHENTICATED for others."""
    rows = await run("SELECT role, is_enabled FROM users WHERE id = $1", user_id)
    if not rows:
        raise ClipferryError(Reason.UNAUTHENTICATED, "The user was removed.")
    role, is_enabled = rows[0]
    check_enabled(user_id, is_enabled)
    return str(role)


def _described(client: str) -> str:
    return "".join(letter for letter in client if letter.isprintable())[:_CLIENT_LENGTH]
