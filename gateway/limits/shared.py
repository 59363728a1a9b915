"""Limits that all gateways of one PostgreSQL database keep together."""

import structlog

from gateway.limits.gcra import Rate, Verdict, verdict
from gateway.limits.memory import MemoryLimiter
from gateway.store.database import Database
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError

logger = structlog.get_logger(__name__)

# One statement decides and keeps: two replicas that ask at once are one after the other on the row.
_TAKE = """
INSERT INTO rate_limits AS kept (policy, who, due_us, is_admitted)
VALUES ($1, $2, CAST($3 AS bigint) + CAST($4 AS bigint), 1)
ON CONFLICT (policy, who) DO UPDATE SET
  due_us = CASE
    WHEN kept.due_us <= CAST($3 AS bigint) THEN CAST($3 AS bigint) + CAST($4 AS bigint)
    WHEN kept.due_us + CAST($4 AS bigint) - CAST($3 AS bigint) <= CAST($5 AS bigint)
      THEN kept.due_us + CAST($4 AS bigint)
    ELSE kept.due_us
  END,
  is_admitted = CASE
    WHEN kept.due_us + CAST($4 AS bigint) - CAST($3 AS bigint) <= CAST($5 AS bigint) THEN 1
    ELSE 0
  END
RETURNING due_us, is_admitted
"""


class SharedLimiter:
    """Counts in the store, in one round trip. See `gateway.limits.limiter.Limiter`.

    A key that is over its limit is refused without asking again. While the store is away each gateway counts by itself:
    limits are to protect the service, not to be its end. The log hears of it once, and when it is over. The clocks of
    the gateways are taken to agree; a difference widens or narrows a limit by as much.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._here = MemoryLimiter(clock)
        self._is_alone = False

    async def take(self, key: str, rate: Rate) -> Verdict:
        refused = self._here.refusal(key, rate)
        if refused is not None:
            return refused
        now_us = self._here.now_us()
        try:
            ((due_us, is_admitted),) = await self._database.run(
                _TAKE, rate.name, key, now_us, rate.interval_us, rate.window_us
            )
        except ClipferryError as error:
            if not self._is_alone:
                self._is_alone = True
                logger.warning("Limits are kept here alone.", action="limits_alone", reason=error.reason.name)
            return self._here.take_now(key, rate)
        if self._is_alone:
            self._is_alone = False
            logger.info("Limits are kept together again.", action="limits_together")
        self._here.learn(key, rate, due_us)
        return verdict(due_us, now_us, rate, is_admitted=bool(is_admitted))

    def refusal(self, key: str, rate: Rate) -> Verdict | None:
        return self._here.refusal(key, rate)
