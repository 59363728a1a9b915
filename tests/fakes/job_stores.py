"""Every engine of the JobStore, opened for a test: on a clock in the test's hand, with what it published."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from services.queue.adapters.backend import Rules
from services.queue.adapters.postgres.opening import open_postgres
from services.queue.adapters.sqlite.opening import open_sqlite
from services.queue.core.job import Job
from services.queue.core.lease import Lease, Policy
from services.queue.core.ledger import Limits
from services.queue.core.placing import Offer
from services.queue.core.ports import Accepted, Change, Claimed, JobStore, Record, Submission
from services.queue.core.retry import RetryPolicy
from services.queue.wire import encode_job
from tests.fakes.clock import FakeClock
from tests.fakes.postgres import database_for

POLICY = Policy(lease_ttl_ms=30_000, max_attempts=3, retry=RetryPolicy(chance=lambda: 0.5))


def offer(worker_id: str = "worker-1", slots: int = 10, free_bytes: int = 0, default_bytes: int = 0) -> Offer:
    """Return what a worker can take."""
    return Offer(worker_id, slots, free_bytes, default_bytes, limit_bytes=free_bytes)


@dataclass
class StoreInHand:
    """A store and its surroundings."""

    store: JobStore
    clock: FakeClock
    published: list[Change] = field(default_factory=list)

    async def submit(self, new: Submission) -> Record:
        """Keep one job that must be accepted."""
        (result,) = await self.store.submit([new])
        assert isinstance(result, Accepted), result
        return result.record

    async def claim(self, slots: int = 10) -> Claimed:
        """Begin runs on one worker."""
        return await self.store.claim([offer(slots=slots)])

    async def job(self, job_id: str) -> Job:
        """Return a job that must be there."""
        record = await self.store.get(job_id)
        assert record is not None
        return record.job


async def new_lease(store: JobStore, job_id: str) -> Lease:
    """Begin a run of a job that must be due."""
    claimed = await store.claim([offer()])
    (job,) = [record.job for record in claimed.records if record.job.id == job_id]
    return Lease(job.id, job.token)


@asynccontextmanager
async def sqlite_in_hand(folder: Path, *, clock: FakeClock | None = None, **limits: int) -> AsyncIterator[StoreInHand]:
    """Open the SQLite store in `folder`."""
    clock = clock or FakeClock()
    published: list[Change] = []
    async with open_sqlite(folder / "queue.db", rules(limits), clock=clock, publish=published.extend) as backend:
        yield StoreInHand(backend.store, clock, published)


@asynccontextmanager
async def postgres_in_hand(
    folder: Path, *, clock: FakeClock | None = None, **limits: int
) -> AsyncIterator[StoreInHand]:
    """Open the PostgreSQL store in a database that belongs to `folder`."""
    clock = clock or FakeClock()
    published: list[Change] = []
    url = database_for(folder)
    async with (
        open_postgres(url, rules(limits), clock=clock, publish=published.extend) as backend,
    ):
        yield StoreInHand(backend.store, clock, published)


ENGINES: Mapping[str, Callable[..., AbstractAsyncContextManager[StoreInHand]]] = {
    "sqlite": sqlite_in_hand,
    "postgresql": postgres_in_hand,
}
"""Every engine by name. Each opens a store in a folder, and the same one again when called again."""


def rules(limits: Mapping[str, int]) -> Rules:
    """Return what the stores of tests are opened with."""
    return Rules(Limits(**{"max_waiting": 50, **limits}), POLICY, partial(encode_job, retention_ms=3_600_000))
