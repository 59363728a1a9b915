"""Which worker gets which job now."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.queue.core.job import Job
from services.queue.core.lease import Lease


@dataclass(slots=True)
class Offer:
    """What one worker can take now. Placing jobs uses it up."""

    worker_id: str
    slots: int
    """Jobs."""
    free_bytes: int
    default_bytes: int
    """What a job of unknown size takes."""
    limit_bytes: int
    """Most that any job takes: all of the worker's memory."""
    ending: Sequence[Lease] = ()
    """Runs whose end it has asked for: each that is over by now has left a slot."""
    most_slots: int = 0
    """Slots at most, with those that `ending` runs have left."""

    @property
    def possible_slots(self) -> int:
        """Jobs it can take if all `ending` runs are over."""
        if not self.ending:
            return self.slots
        return max(self.slots, min(self.slots + len(self.ending), self.most_slots))

    def settled(self, is_over: Callable[[Lease], bool]) -> "Offer":
        """Return what is left of it now that it is known which of the `ending` runs are over."""
        slots = self.slots
        if self.ending:
            slots = max(slots, min(slots + sum(map(is_over, self.ending)), self.most_slots))
        # Not dataclasses.replace, which takes three times as long: of a large fleet these are hundreds.
        return Offer(self.worker_id, slots, self.free_bytes, self.default_bytes, self.limit_bytes)

    def need_bytes(self, job: Job) -> int:
        """Return what `job` would reserve here."""
        return min(job.reserved_bytes or self.default_bytes, self.limit_bytes)


def place(
    jobs: Iterable[Job], offers: Sequence[Offer], may_run: Callable[[Job], bool]
) -> Iterator[tuple[Job, Offer, int]]:
    """Give jobs, in their order, to workers: each to the one with most free slots that has the memory.

    A job that fits nowhere now is passed over; it keeps its place. So does one that may not run now, which is asked
    when its turn comes: after those before it were taken.

    Yields:
        Job, worker and reserved bytes of each job that is placed.
    """
    open_offers = [offer for offer in offers if offer.slots > 0]
    most_slots = max((offer.slots for offer in open_offers), default=0)
    for job in jobs:
        if not open_offers:
            return
        offer = _emptiest(open_offers, job, most_slots)
        if offer is None or not may_run(job):
            continue
        reserved_bytes = offer.need_bytes(job)
        offer.slots -= 1
        offer.free_bytes -= reserved_bytes
        if offer.slots == 0:
            open_offers.remove(offer)
        yield job, offer, reserved_bytes


def _emptiest(offers: Iterable[Offer], job: Job, most_slots: int) -> Offer | None:
    """Return the first offer with most slots that has the memory, if any.

    Args:
        offers: In order.
        job: What needs the memory.
        most_slots: None has more: who has as many is not looked beyond, which saves most looks at a large fleet.
    """
    best: Offer | None = None
    for offer in offers:
        if (best is None or offer.slots > best.slots) and offer.need_bytes(job) <= offer.free_bytes:
            best = offer
            if offer.slots == most_slots:
                break
    return best
