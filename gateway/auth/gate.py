"""The check at the door: Authorization header in, caller out."""

from collections.abc import Iterable

from gateway.auth.caller import Caller
from gateway.auth.tokens import AccessTokens
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

_CACHED_COUNT = 4096


class Gate:
    """Verifies access tokens, remembers those it has seen, and forgets a session at once when it is revoked.

    Args:
        revoked: Ids of revoked sessions whose access tokens may still run.
    """

    def __init__(self, tokens: AccessTokens, revoked: Iterable[str], clock: Clock) -> None:
        self._tokens = tokens
        self._revoked = set(revoked)
        self._clock = clock
        self._seen: dict[str, Caller] = {}

    def caller(self, authorization: str | None) -> Caller:
        """Return who shows this Authorization header.

        Raises:
            ClipferryError: UNAUTHENTICATED or TOKEN_EXPIRED.
        """
        if not authorization:
            raise ClipferryError(Reason.UNAUTHENTICATED, "The request has no Authorization header with a Bearer token.")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise ClipferryError(Reason.UNAUTHENTICATED, "The Authorization header must be: Bearer <access token>.")
        return self.verify(token.strip())

    def verify(self, token: str) -> Caller:
        """Return who shows `token`. Raises as `caller` does."""
        caller = self._seen.get(token)
        if caller is None:
            caller = self._tokens.verify(token)
            if caller.session_id in self._revoked:
                raise ClipferryError(Reason.UNAUTHENTICATED, "The session of this token was ended.")
            if len(self._seen) >= _CACHED_COUNT:
                self._seen.clear()
            self._seen[token] = caller
        elif caller.expires_at_s * 1000 <= self._clock.time_ms():
            del self._seen[token]
            raise ClipferryError(Reason.TOKEN_EXPIRED)
        return caller

    def revoke(self, session_id: str) -> None:
        """Refuse every token of a session from now on."""
        self._revoked.add(session_id)
        self._seen.clear()
