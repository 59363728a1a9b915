"""The queue's running account: how full it is, who waits, whose turn it is. Kept in step with every change.

One writer owns it, in memory; it is made anew from the jobs after a start and after a transaction that failed.
"""

from collections import Counter
from dataclasses import dataclass, field

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import ENDED, WAITING, Job, State

_RETRY_AFTER_FULL_S = 5.0
"""When a refused submit may try again: about the time that a short job takes."""

_TURNS_KEPT = 10_000
"""Owners whose next turn is remembered before those without a claim to one are forgotten."""


@dataclass
class Ledger:
    """Counts, duplicates and turns.

    Turns are start-time fair: the jobs of one owner get rising tags, and a new owner begins at the tag that is being
    served, so that whoever drops a hundred links does not make the next person wait for all of them.

    Args:
        max_waiting: MAX_QUEUE_SIZE.
        max_waiting_per_owner: 0: unlimited.
        ended_count: Jobs that ended so far.
    """

    max_waiting: int
    max_waiting_per_owner: int = 0
    ended_count: int = 0
    count_by_state: Counter[State] = field(default_factory=Counter)
    _waiting_by_owner: Counter[str] = field(default_factory=Counter)
    _live: dict[str, str] = field(default_factory=dict)
    _served_tag: int = 0
    _next_tag: dict[str, int] = field(default_factory=dict)

    def restore(self, job: Job) -> None:
        """Take in a live job that was kept before. Call in order of `fair_key`."""
        self._count(None, job)
        if job.state in WAITING:
            if not self._next_tag:
                self._served_tag = job.fair_key
            self._next_tag[job.owner] = job.fair_key + 1

    def record(self, before: Job | None, after: Job) -> None:
        """Take in one change."""
        self._count(before, after)
        if after.state in ENDED and (before is None or before.state not in ENDED):
            self.ended_count += 1
        if after.state is State.PROCESSING and after.fair_key > self._served_tag:
            self._served_tag = after.fair_key
            if len(self._next_tag) > _TURNS_KEPT:
                served = self._served_tag
                self._next_tag = {owner: tag for owner, tag in self._next_tag.items() if tag > served}

    def forget(self, state: State) -> None:
        """Take out a purged job."""
        self.count_by_state[state] -= 1

    def twin(self, live_key: str) -> str | None:
        """Return the id of the job that lives under `live_key`."""
        return self._live.get(live_key)

    def admit(self, owner: str) -> None:
        """Check that `owner` may add one more waiting job.

        Raises:
            ClipferryError: QUEUE_FULL or OWNER_QUEUE_FULL, with both numbers.
        """
        waiting = self.count_by_state[State.QUEUED] + self.count_by_state[State.RETRY_WAIT]
        if waiting >= self.max_waiting:
            raise _full(Reason.QUEUE_FULL, "The queue is full", waiting, self.max_waiting)
        mine = self._waiting_by_owner[owner] if self.max_waiting_per_owner else -1
        if mine >= self.max_waiting_per_owner:
            raise _full(Reason.OWNER_QUEUE_FULL, "This owner has enough waiting", mine, self.max_waiting_per_owner)

    def next_turn(self, owner: str) -> int:
        """Return the tag for one more job of `owner`."""
        tag = max(self._served_tag, self._next_tag.get(owner, 0))
        self._next_tag[owner] = tag + 1
        return tag

    def _count(self, before: Job | None, after: Job) -> None:
        if before is None or before.state is not after.state:
            if before is not None:
                self._leave(before)
            self.count_by_state[after.state] += 1
            if after.state in WAITING:
                self._waiting_by_owner[after.owner] += 1
        if after.state in ENDED or after.cancel_requested:
            if self._live.get(after.live_key) == after.id:
                del self._live[after.live_key]
        elif before is None or before.state in ENDED:
            self._live.setdefault(after.live_key, after.id)

    def _leave(self, before: Job) -> None:
        self.count_by_state[before.state] -= 1
        if before.state in WAITING:
            self._waiting_by_owner[before.owner] -= 1
            if self._waiting_by_owner[before.owner] <= 0:
                del self._waiting_by_owner[before.owner]


def _full(reason: Reason, what: str, queued: int, limit: int) -> ClipferryError:
    return ClipferryError(
        reason, f"{what}: {queued} of {limit} jobs wait.", retry_after_s=_RETRY_AFTER_FULL_S, queued=queued, limit=limit
    )
