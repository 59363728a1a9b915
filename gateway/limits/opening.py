"""The limiter that fits the store."""

from gateway.limits.limiter import Limiter
from gateway.limits.memory import MemoryLimiter
from gateway.limits.shared import SharedLimiter
from gateway.store.database import Database
from gateway.store.opening import POSTGRES
from services.chassis.clock import Clock


def limiter_for(url: str, database: Database, clock: Clock) -> Limiter:
    """Return what counts for the gateways at the store `url`: on SQLite there is one, and memory is exact."""
    return SharedLimiter(database, clock) if url.startswith(POSTGRES) else MemoryLimiter(clock)
