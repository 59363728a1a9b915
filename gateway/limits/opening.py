"""What counts for all gateways of one store. On SQLite there is one gateway, and memory is exact."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from gateway.limits.addresses import AddressLimit
from gateway.limits.exchange import Exchange
from gateway.limits.limiter import Limiter
from gateway.limits.memory import MemoryLimiter
from gateway.limits.places import Places
from gateway.limits.shared import SharedLimiter
from gateway.store.database import Database
from gateway.store.opening import POSTGRES
from services.chassis.clock import Clock
from services.chassis.lifecycle import background


def is_shared(url: str) -> bool:
    """Return whether several gateways may use the store `url`."""
    return url.startswith(POSTGRES)


def limiter_for(url: str, database: Database, clock: Clock) -> Limiter:
    """Return what counts for the gateways at the store `url`."""
    return SharedLimiter(database, clock) if is_shared(url) else MemoryLimiter(clock)


@asynccontextmanager
async def open_exchange(
    url: str, database: Database, clock: Clock, places: Iterable[Places], addresses: AddressLimit | None
) -> AsyncIterator[None]:
    """Count together with the other gateways at the store `url`, for the length of the block."""
    if not is_shared(url):
        yield
        return
    exchange = Exchange(database, clock, places, addresses)
    try:
        async with background(exchange.run(), name="exchange"):
            yield
    finally:
        await exchange.leave()
