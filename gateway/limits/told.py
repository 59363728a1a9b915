"""The limits, as the settings tell them."""

from gateway.config import GatewaySettings
from gateway.limits.addresses import AddressLimit
from gateway.limits.callers import CallerLimits
from gateway.limits.gcra import Rate
from gateway.limits.limiter import Limiter
from gateway.limits.memory import MemoryLimiter
from gateway.limits.opening import is_shared
from gateway.limits.quotas import Quotas
from gateway.limits.usage import Usage
from services.chassis.clock import Clock


def caller_limits(settings: GatewaySettings, limiter: Limiter) -> CallerLimits:
    """Return the limits of users, counted by `limiter`."""
    return CallerLimits(
        limiter,
        submits=_rate("submits", settings.submits_per_min, settings.submits_burst),
        requests=_rate("requests", settings.requests_per_min, settings.requests_burst),
    )


def address_limit(settings: GatewaySettings, clock: Clock) -> AddressLimit | None:
    """Return the limit of addresses, at all gateways of the store; None when there is none."""
    rate = _rate("address", settings.address_requests_per_min, settings.address_requests_burst)
    return None if rate is None else AddressLimit(MemoryLimiter(clock), rate, is_shared=is_shared(settings.store_url))


def quotas(settings: GatewaySettings, usage: Usage, clock: Clock) -> Quotas:
    """Return the quotas of users, counted in `usage`."""
    return Quotas(usage, clock, jobs=settings.jobs_per_day, size_bytes=settings.bytes_per_day)


def _rate(name: str, per_min: int, burst: int) -> Rate | None:
    return Rate(name, per_min, burst) if per_min else None
