"""The check at the door: credentials in, caller out."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

from gateway.auth.attempts import Attempts
from gateway.auth.caller import Caller
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

_CACHED_COUNT = 4096
_LONGEST_CHARACTERS = 8192


class Credentials(Protocol):
    """One kind of credentials."""

    def knows(self, shown: str) -> bool:
        """Return whether `shown` is of this kind, whether or not it is valid."""

    async def caller(self, shown: str) -> Caller:
        """Return who shows it, as the store has it now.

        Raises:
            ClipferryError: UNAUTHENTICATED, TOKEN_EXPIRED or STORE_UNAVAILABLE.
        """


class Gate:
    """Verifies credentials, remembers those it has seen, and forgets at once what is not true any more.

    Args:
        kinds: All kinds of credentials; the first that knows what is shown decides.
        attempts: Counts what was wrong.
        clock: The time it goes by.
    """

    def __init__(self, kinds: Sequence[Credentials], attempts: Attempts, clock: Clock) -> None:
        self._kinds = kinds
        self._attempts = attempts
        self._clock = clock
        self._seen: dict[bytes, Caller] = {}
        self._change_count = 0

    async def caller(self, authorization: str | None, address: str) -> Caller:
        """Return who shows this Authorization header.

        Args:
            authorization: Its value.
            address: Of the client. Whoever shows too much from there that is wrong is not looked at for a while; those
                who were seen before are not touched by it.

        Raises:
            ClipferryError: UNAUTHENTICATED, TOKEN_EXPIRED, or for those not seen before TOO_MANY_REQUESTS or
                STORE_UNAVAILABLE.
        """
        if not authorization:
            raise ClipferryError(Reason.UNAUTHENTICATED, "The request has no Authorization header with a Bearer token.")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise ClipferryError(Reason.UNAUTHENTICATED, "The Authorization header must be: Bearer <access token>.")
        return await self.verify(token.strip(), address)

    async def verify(self, shown: str, address: str) -> Caller:
        """Return who shows a token or an API key. Raises as `caller` does."""
        if len(shown) > _LONGEST_CHARACTERS:
            raise ClipferryError(
                Reason.UNAUTHENTICATED,
                f"The access token has {len(shown)} characters; at most {_LONGEST_CHARACTERS} are read.",
            )
        key = hashlib.sha256(shown.encode(errors="replace")).digest()
        caller = self._seen.get(key)
        if caller is None:
            self._attempts.check_guesses(address)
            try:
                return await self._look_at(shown, key)
            except ClipferryError as error:
                await self._attempts.count_guess(address, error)
                raise
        if caller.expires_at_s * 1000 <= self._clock.time_ms():
            del self._seen[key]
            raise ClipferryError(Reason.TOKEN_EXPIRED)
        return caller

    async def _look_at(self, shown: str, key: bytes) -> Caller:
        kind = next(kind for kind in self._kinds if kind.knows(shown))
        while True:
            changes = self._change_count
            caller = await kind.caller(shown)
            if changes == self._change_count:
                break
            # Something ended while the store was asked: its answer may be from before.
        if len(self._seen) >= _CACHED_COUNT:
            self._seen.clear()
        self._seen[key] = caller
        return caller

    def forget_session(self, session_id: str) -> None:
        """Look anew at everything of a session from now on."""
        self._change_count += 1
        self._seen = {key: caller for key, caller in self._seen.items() if caller.session_id != session_id}

    def forget_all(self) -> None:
        """Look anew at everybody from now on."""
        self._change_count += 1
        self._seen.clear()
