"""Our own kinds of credentials: access tokens, and API keys shown as they are."""

from gateway.auth.caller import Caller
from gateway.auth.endings import key_session
from gateway.auth.key_lookup import check_enabled, find_key
from gateway.auth.keys import PREFIX
from gateway.auth.scopes import ADMIN, OF_ROLE, taken_apart
from gateway.auth.tokens import AccessTokens
from gateway.store.database import Database
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

_NEVER_S = 253_402_300_799
"""The last second of the year 9999."""
_TOKEN_DOTS = 2
"""Of a JWT (RFC 7515, section 3.1)."""


class TokenCredentials:
    """See `gateway.auth.gate.Credentials`. Knows whatever is no API key and of no other issuer."""

    def __init__(self, tokens: AccessTokens, database: Database) -> None:
        self._tokens = tokens
        self._database = database

    def knows(self, shown: str) -> bool:
        return not is_key(shown)

    async def caller(self, shown: str) -> Caller:
        claims = await self._tokens.verify(shown)
        rows = await self._database.run(
            "SELECT u.role, u.is_enabled, u.chats FROM sessions s JOIN users u ON u.id = s.user_id"
            " WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at_ms IS NULL",
            claims.session_id,
            claims.user_id,
        )
        if not rows:
            raise ClipferryError(Reason.UNAUTHENTICATED, "The session of this token was ended.")
        role, is_enabled, chats = rows[0]
        check_enabled(claims.user_id, is_enabled)
        scopes = claims.scopes & OF_ROLE[role]
        return Caller(
            claims.user_id,
            claims.session_id,
            claims.expires_at_s,
            scopes,
            taken_apart(chats),
            is_limited=scopes != OF_ROLE[role],
            has_admin_role=ADMIN in OF_ROLE[role],
        )


class KeyCredentials:
    """See `gateway.auth.gate.Credentials`. Also knows an operator's own key, unless that looks like a token."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def knows(self, shown: str) -> bool:
        return is_key(shown)

    async def caller(self, shown: str) -> Caller:
        # What is neither ours nor a JWT by its looks may have been meant as either.
        unknown = f"The {'API key' if shown.startswith(PREFIX) else 'token or API key'} is not valid."
        found = await find_key(self._database, shown, self._clock.time_ms(), unknown)
        expires_at_s = _NEVER_S if found.expires_at_ms is None else found.expires_at_ms // 1000
        return Caller(
            found.user_id,
            key_session(found.id),
            expires_at_s,
            found.scopes,
            found.chats,
            is_limited=found.scopes != OF_ROLE[found.role],
            has_admin_role=ADMIN in OF_ROLE[found.role],
        )


def is_key(shown: str) -> bool:
    """Return whether this is an API key by its looks: one of ours, or an operator's own, which is no JWT."""
    return shown.startswith(PREFIX) or shown.count(".") != _TOKEN_DOTS
