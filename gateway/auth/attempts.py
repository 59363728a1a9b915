"""How often somebody may try to get in: by address, and by what is tried."""

import structlog

from gateway.limits.addresses import network_of
from gateway.limits.gcra import Rate
from gateway.limits.limiter import Limiter, too_many
from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

_EVERYWHERE = "all"
_SESSION_REFRESHES = Rate("session-refresh", per_min=60, burst=30)


class Attempts:
    """Counts tries, good or bad, at every gateway together.

    Args:
        limiter: What counts.
        sign_ins_per_min: With keys and codes, of one address; also wrong credentials in requests and hellos. 0: no
            limit.
        pairings_per_min: With pairing codes, of all addresses together: a code is short enough to be guessed by many.
            0: no limit.
        refreshes_per_min: Of one address. 0: no limit.
    """

    def __init__(
        self, limiter: Limiter, *, sign_ins_per_min: int, pairings_per_min: int, refreshes_per_min: int
    ) -> None:
        self._limiter = limiter
        self._sign_ins = _rate("sign-in", sign_ins_per_min)
        self._guesses = _rate("wrong-credentials", sign_ins_per_min)
        self._pairings = _rate("pairing", pairings_per_min)
        self._refreshes = _rate("refresh", refreshes_per_min)

    async def sign_in(self, address: str) -> None:
        """Count one with an API key.

        Raises:
            ClipferryError: TOO_MANY_REQUESTS.
        """
        await self._take(self._sign_ins, network_of(address), f"The address {address}")

    def check_guesses(self, address: str) -> None:
        """Check that an address may show credentials that nobody has seen yet. Counts nothing, and asks nobody.

        Raises:
            ClipferryError: TOO_MANY_REQUESTS when too many were wrong.
        """
        if self._guesses is not None:
            said = self._limiter.refusal(network_of(address), self._guesses)
            if said is not None:
                raise too_many(said, f"The address {address}")

    async def count_guess(self, address: str, error: ClipferryError) -> None:
        """Count credentials that were wrong, as a sign-in too: it is the same guessing."""
        if error.reason is not Reason.UNAUTHENTICATED:
            return
        note_refusal("bearer", error, address)
        for rate in (self._guesses, self._sign_ins):
            if rate is not None:
                await self._limiter.take(network_of(address), rate)

    async def pair(self, address: str) -> None:
        """Count one with a pairing code. Raises as `sign_in` does."""
        await self.sign_in(address)
        await self._take(self._pairings, _EVERYWHERE, "All clients together")

    async def refresh(self, address: str, session_id: str) -> None:
        """Count one with a refresh token. Raises as `sign_in` does."""
        await self._take(self._refreshes, network_of(address), f"The address {address}")
        await self._take(_SESSION_REFRESHES, session_id[:64], "A session")

    async def _take(self, rate: Rate | None, key: str, who: str) -> None:
        if rate is None:
            return
        said = await self._limiter.take(key, rate)
        if not said.is_admitted:
            raise too_many(said, who)


def note_refusal(way: str, error: ClipferryError, address: str) -> None:
    """Write down that somebody was not let in, and never what was shown.

    Args:
        way: What was shown: ``api_key``, ``pairing_code``, or ``bearer`` for what a request or a hello brought.
        error: Why not.
        address: Of the client.
    """
    logger.warning(
        "A sign-in was refused.", action="sign_in_refused", way=way, reason=error.reason.name, address=address
    )


def _rate(name: str, per_min: int) -> Rate | None:
    return Rate(name, per_min=per_min, burst=per_min) if per_min else None
