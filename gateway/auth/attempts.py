"""How often somebody may try to get in: by address, and by what is tried."""

from gateway.limits.addresses import network_of
from gateway.limits.gcra import Rate
from gateway.limits.limiter import Limiter, too_many

_EVERYWHERE = "all"
_SESSION_REFRESHES = Rate("session-refresh", per_min=60, burst=30)


class Attempts:
    """Counts tries, good or bad, at every gateway together.

    Args:
        limiter: What counts.
        sign_ins_per_min: With keys and codes, of one address. 0: no limit.
        pairings_per_min: With pairing codes, of all addresses together: a code is short enough to be guessed by many.
            0: no limit.
        refreshes_per_min: Of one address. 0: no limit.
    """

    def __init__(
        self, limiter: Limiter, *, sign_ins_per_min: int, pairings_per_min: int, refreshes_per_min: int
    ) -> None:
        self._limiter = limiter
        self._sign_ins = _rate("sign-in", sign_ins_per_min)
        self._pairings = _rate("pairing", pairings_per_min)
        self._refreshes = _rate("refresh", refreshes_per_min)

    async def sign_in(self, address: str) -> None:
        """Count one with an API key.

        Raises:
            ClipferryError: TOO_MANY_REQUESTS.
        """
        await self._take(self._sign_ins, network_of(address), f"The address {address}")

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


def _rate(name: str, per_min: int) -> Rate | None:
    return Rate(name, per_min=per_min, burst=per_min) if per_min else None
