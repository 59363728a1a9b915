"""What the gateways of one PostgreSQL database tell each other of open connections and of addresses, once a second.

Each decides at once, by what it has here and what it last heard. Nobody waits for the database.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import structlog

from gateway.limits.addresses import AddressLimit
from gateway.limits.places import Places
from gateway.store.database import Database, Row, Run
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError

logger = structlog.get_logger(__name__)

_EVERY_S = 1.0
_GONE_AFTER_S = 10
"""A gateway that says nothing for so long is taken for dead; it would fail to tell anything in half the time."""
_TOLD_ADDRESSES = 1_000
"""Most that are told of at once: a flood from more of them must not become one of the database."""
_SWEEP_EVERY_S = 60.0

_LOCK = "exchange"

_STILL_HERE = "UPDATE replicas SET told_at = now() WHERE id = $1 RETURNING id"
_HERE = "INSERT INTO replicas (id, told_at) VALUES ($1, now())"
_BURY = "DELETE FROM replicas WHERE told_at < now() - make_interval(secs => $1)"
_LEAVE = "DELETE FROM replicas WHERE id = $1"

_SAY = """
INSERT INTO open_connections (replica_id, rule, who, open_count, stamps)
SELECT $1, $2, told.* FROM unnest(CAST($3 AS text[]), CAST($4 AS integer[]), CAST($5 AS text[])) AS told
ON CONFLICT (rule, who, replica_id) DO UPDATE SET open_count = excluded.open_count, stamps = excluded.stamps
"""
_FORGET = "DELETE FROM open_connections WHERE rule = $2 AND open_count = 0 AND replica_id = $1"
# Where there are as many as may be, at least one gateway has its even part of them: so only few rows are looked at.
_HEAR = """
SELECT who, string_agg(stamps, ' ') FROM open_connections
WHERE rule = $2 AND replica_id <> $1 AND who IN (
  SELECT who FROM open_connections
  WHERE rule = $2 AND open_count >= (SELECT CAST(CEIL(CAST($3 AS float8) / COUNT(*)) AS integer) FROM replicas)
)
GROUP BY who
"""

# Under the lock nobody else changes rows of this policy, so what is read here is what is replaced.
_COUNT = """
INSERT INTO rate_limits (policy, who, due_us, is_admitted)
SELECT $1, taken.who, GREATEST(taken.since_us, kept.due_us) + taken.count * CAST($2 AS bigint), 1
FROM unnest(CAST($3 AS text[]), CAST($4 AS bigint[]), CAST($5 AS bigint[])) AS taken (who, count, since_us)
LEFT JOIN rate_limits kept ON kept.policy = $1 AND kept.who = taken.who
ON CONFLICT (policy, who) DO UPDATE SET due_us = excluded.due_us
RETURNING who, due_us
"""
_SWEEP = "DELETE FROM rate_limits WHERE due_us < CAST($1 AS bigint)"


class Exchange:
    """Tells the other gateways, and hears them. While the store is away each gateway counts by itself.

    Args:
        database: PostgreSQL.
        clock: Between two times.
        places: What is told of connections.
        addresses: What is told of requests; None: they have no limit.
    """

    def __init__(
        self, database: Database, clock: Clock, places: Iterable[Places], addresses: AddressLimit | None
    ) -> None:
        self._database = database
        self._clock = clock
        self._places = tuple(places)
        self._addresses = addresses
        self._id = secrets.token_urlsafe(9)
        """Under which the others know this gateway."""
        self._is_known = False
        """Whether they have heard all that is here."""
        self._sweep_at_s = clock.monotonic_s()

    async def run(self) -> None:
        """Exchange until cancelled."""
        while True:
            try:
                await self.once()
            except ClipferryError as error:
                logger.debug("Nothing was exchanged.", action="exchange_failed", reason=error.reason.name)
            await self._clock.sleep(_EVERY_S)

    async def once(self) -> None:
        """Tell what changed here, and take in what is elsewhere.

        Raises:
            ClipferryError: STORE_UNAVAILABLE. Of the other gateways nothing is known then.
        """
        try:
            async with self._database.transaction(lock=_LOCK) as run:
                await self._show_up(run)
                for places in self._places:
                    await _tell(run, self._id, places)
                heard = [await _hear(run, self._id, places) for places in self._places]
                due_us = await self._count_requests(run)
                await self._sweep(run)
        except ClipferryError:
            self._is_known = False
            for places in self._places:
                places.hear({})
            raise
        self._is_known = True
        for places, elsewhere in zip(self._places, heard, strict=True):
            places.hear(elsewhere)
        for who, until_us in due_us:
            self._learn(who, until_us)

    async def leave(self) -> None:
        """Tell that nothing is open here any more. If that cannot be told, the others find out in a while."""
        with suppress(ClipferryError):
            await self._database.run(_LEAVE, self._id)

    async def _show_up(self, run: Run) -> None:
        if not (self._is_known and await run(_STILL_HERE, self._id)):
            await run(_LEAVE, self._id)
            await run(_HERE, self._id)
            for places in self._places:
                places.tell_all()
        await run(_BURY, _GONE_AFTER_S)

    async def _count_requests(self, run: Run) -> Sequence[Row]:
        """Count the requests of addresses at all gateways; returns each address and when its are worked off."""
        taken = self._addresses.take_untold(_TOLD_ADDRESSES) if self._addresses else ()
        if self._addresses is None or not taken:
            return ()
        who, counts, since_us = zip(*taken, strict=True)
        rate = self._addresses.rate
        return await run(_COUNT, rate.name, rate.interval_us, who, counts, since_us)

    def _learn(self, who: str, due_us: int) -> None:
        if self._addresses is not None:
            self._addresses.learn(who, due_us)

    async def _sweep(self, run: Run) -> None:
        """Once a minute, drop the rows of those who are as good as new."""
        if self._clock.monotonic_s() >= self._sweep_at_s:
            self._sweep_at_s = self._clock.monotonic_s() + _SWEEP_EVERY_S
            await run(_SWEEP, self._clock.time_ms() * 1000)


async def _tell(run: Run, replica_id: str, places: Places) -> None:
    untold = places.take_untold()
    if not untold:
        return
    counts = [len(stamps) for stamps in untold.values()]
    written = [" ".join(map(str, stamps)) for stamps in untold.values()]
    await run(_SAY, replica_id, places.rule.name, list(untold), counts, written)
    await run(_FORGET, replica_id, places.rule.name)


async def _hear(run: Run, replica_id: str, places: Places) -> Mapping[str, Sequence[int]]:
    rows = await run(_HEAR, replica_id, places.rule.name, places.rule.limit_count)
    return {who: [int(stamp) for stamp in stamps.split()] for who, stamps in rows}
