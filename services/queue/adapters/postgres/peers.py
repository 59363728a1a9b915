"""Progress and workers of the other replicas, over one row for each replica and the bell.

Progress is worth nothing a second later, so it is not in the log and its table is not logged by the database either.
A row rather than the payload of a notification: it has no limit of 8,000 bytes, and whoever is deaf can read it too.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

import asyncpg

from services.chassis.errors import ClipferryError
from services.chassis.outages import Outages
from services.chassis.postgres import Pool
from services.queue.adapters.postgres.bell import Bell
from services.queue.core.job import ACTIVE
from services.queue.core.lease import Lease
from services.queue.core.ports import Change
from services.queue.core.roll import Memory, Roll, WorkerNote
from services.queue.core.runs import Progress

_TELL_PAUSE_S = 0.05
_TELL_AT_LEAST_S = 5.0
_LOOK_S = 1.0
_GONE_MS = 15_000


class PostgresPeers:
    """See `services.queue.core.roll.Peers`.

    Args:
        pool: Connections for short statements.
        sql: Statements by name.
        outages: Told when the database is away.
        replica_id: Unique among the replicas.
        bell: Tells the others to look.
    """

    def __init__(self, pool: Pool, sql: Mapping[str, str], outages: Outages, replica_id: str, bell: Bell) -> None:
        self._pool = pool
        self._outages = outages
        self._sql = sql
        self._replica_id = replica_id
        self._bell = bell
        self._mine = Roll()
        self._progress: dict[str, tuple[Lease, Progress]] = {}
        self._others: Mapping[str, Roll] = {}
        self._news = asyncio.Event()
        self._woken = asyncio.Event()

    def follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.state not in ACTIVE:
                self._progress.pop(change.job_id, None)

    def tell_progress(self, lease: Lease, progress: Progress) -> None:
        self._progress[lease.job_id] = (lease, progress)
        self._news.set()

    def tell_roll(self, roll: Roll) -> None:
        if roll != self._mine:
            self._mine = roll
            self._news.set()

    def others(self) -> Sequence[Roll]:
        return tuple(self._others.values())

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    async def tell_forever(self) -> None:
        """Write what is new: the first news at once, then at most 20 times a second, until cancelled."""
        try:
            while True:
                await _set_or(self._news, _TELL_AT_LEAST_S)
                self._news.clear()
                roll, progress = _packed_roll(self._mine), _packed_progress(self._progress)
                await self._try("tell_peers", self._replica_id, roll, progress)
                self._bell.ring()
                await asyncio.sleep(_TELL_PAUSE_S)
        finally:
            await self._try("leave_peers", self._replica_id)

    async def listen_forever(self, report: Callable[[Lease, Progress], object], changed: Callable[[], None]) -> None:
        """Read what the others have written, when the bell rings and at least each second, until cancelled.

        Args:
            report: Hears how far the runs of their workers are.
            changed: Hears that their workers or those' memory have changed.
        """
        while True:
            await _set_or(self._woken, _LOOK_S)
            self._woken.clear()
            rows = await self._try("hear_peers", self._replica_id, _GONE_MS)
            others = {row["id"]: _unpacked_roll(row["workers"]) for row in rows}
            is_news = others != self._others
            self._others = others
            for row in rows:
                for lease, progress in _unpacked_progress(row["progress"]):
                    report(lease, progress)
            if is_news:
                changed()

    async def _try(self, name: str, *parameters: object) -> Sequence[asyncpg.Record]:
        try:
            with self._outages.told():
                async with self._pool.acquire() as connection:
                    return await connection.fetch(self._sql[name], *parameters)
        except ClipferryError:
            return ()


async def _set_or(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return


def _packed_roll(roll: Roll) -> str:
    return json.dumps({"peak_bytes": roll.peak_bytes, "workers": roll.workers})


def _unpacked_roll(text: str) -> Roll:
    found = json.loads(text)
    workers = tuple(WorkerNote._make((*fields, Memory(*memory))) for *fields, memory in found["workers"])
    return Roll(workers, found["peak_bytes"])


def _packed_progress(progress: Mapping[str, tuple[Lease, Progress]]) -> str:
    return json.dumps([(*lease, *newest) for lease, newest in progress.values()])


def _unpacked_progress(text: str) -> list[tuple[Lease, Progress]]:
    return [(Lease(job_id, token), Progress(*newest)) for job_id, token, *newest in json.loads(text)]
