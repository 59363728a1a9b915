"""What the queue tells of itself. With several replicas, gauges speak of all jobs, counters of what was done here."""

from collections.abc import Awaitable, Callable, Iterable

from services.chassis.metrics import Counter, Gauge, Histogram, Reading
from services.queue.core.job import State
from services.queue.core.statistics import Stats

JOBS = Gauge("clipferry_queue_jobs", "Jobs that are kept, by state.", ("state",))
OLDEST_WAITING = Gauge(
    "clipferry_queue_oldest_waiting_seconds", "Age of the job that waits for longest; 0 where none waits."
)
WORKERS = Gauge("clipferry_queue_workers", "Processors that are connected, to any replica.")
SLOTS = Gauge("clipferry_queue_slots", "Jobs that the connected processors can run at once.")
CAPACITY = Gauge("clipferry_queue_max_waiting_jobs", "MAX_QUEUE_SIZE: jobs that may wait at once.")
CLAIM_SECONDS = Histogram("clipferry_queue_claim_seconds", "How long it takes to hand out work, commit included.")
WAIT_SECONDS = Histogram("clipferry_queue_wait_seconds", "How long jobs wait from when they are due until they begin.")
COMMIT_SECONDS = Histogram("clipferry_queue_commit_seconds", "How long a transaction with all its calls takes.")
COMMITTED_CALLS = Counter("clipferry_queue_committed_calls_total", "Calls that were committed, many in a transaction.")
LEASE_EXPIRIES = Counter("clipferry_queue_lease_expiries_total", "Runs that were taken from silent workers here.")
STALE_CALLS = Counter(
    "clipferry_queue_stale_calls_total", "Calls that were refused because the run is somebody else's.", ("call",)
)
OUTCOMES = Counter(
    "clipferry_queue_outcomes_total",
    "Runs and jobs that ended by a commit here: the state they came to, and the reason if it was an error.",
    ("state", "reason"),
)


def readings_of(read: Callable[[], Awaitable[Stats]]) -> Callable[[], Awaitable[Iterable[Reading]]]:
    """Return what reads the queue's gauges by `read`."""

    async def readings() -> Iterable[Reading]:
        stats = await read()
        return [
            *(Reading(JOBS, stats.jobs_by_state.get(state, 0), (state.value,)) for state in State),
            Reading(OLDEST_WAITING, stats.oldest_waiting_age_s or 0.0),
            Reading(WORKERS, stats.workers),
            Reading(SLOTS, stats.slots_total),
            Reading(CAPACITY, stats.max_queue_size),
        ]

    return readings
