"""The queue's running account: how full it is, who waits, who runs, whose turn it is. Kept in step with every change.

Whoever writes owns it: an engine with one writer keeps it in memory, one with many fills it anew for each transaction
with what that transaction needs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import ACTIVE, ENDED, WAITING, Job, State

_RETRY_AFTER_FULL_S = 5.0
"""When a refused submit may try again: about the time that a short job takes."""

_TURNS_KEPT = 10_000
"""Owners whose next turn is remembered before those without a claim to one are forgotten."""


class Limits(NamedTuple):
    """How many jobs may wait and run. 0: unlimited, but for the first."""

    max_waiting: int
    """MAX_QUEUE_SIZE."""
    max_waiting_per_owner: int = 0
    max_running: int = 0
    max_running_per_owner: int = 0


@dataclass
class Ledger:
    """Counts, duplicates and turns.

    Turns are start-time fair: the jobs of one owner get rising tags, and a new owner begins at the tag that is being
    served, so that whoever drops a hundred links does not make the next person wait for all of them.

    Args:
        limits: What is admitted.
        ended_count: Jobs that ended so far.
        served_tag: Highest tag that was given a run.
        count_by_state: Jobs that are kept.
    """

    limits: Limits
    ended_count: int = 0
    served_tag: int = 0
    count_by_state: Counter[State] = field(default_factory=Counter)
    waiting_by_owner: Counter[str] = field(default_factory=Counter)
    running_by_owner: Counter[str] = field(default_factory=Counter)
    next_tags: dict[str, int] = field(default_factory=dict)
    """The next turn of each owner who has had one."""
    live_ids: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The jobs that live under each live key: one, unless a person has run an ended one again beside it."""

    def restore(self, job: Job) -> None:
        """Take in a live job that was kept before. Call in order of `fair_key`."""
        self._count(None, job)
        if job.state in WAITING:
            if not self.next_tags:
                self.served_tag = job.fair_key
            self.next_tags[job.owner] = job.fair_key + 1

    def record(self, before: Job | None, after: Job) -> None:
        """Take in one change."""
        self._count(before, after)
        if after.state in ENDED and (before is None or before.state not in ENDED):
            self.ended_count += 1
        if after.state is State.PROCESSING and after.fair_key > self.served_tag:
            self.served_tag = after.fair_key
            if len(self.next_tags) > _TURNS_KEPT:
                self.next_tags = {owner: tag for owner, tag in self.next_tags.items() if tag > self.served_tag}

    def forget(self, states: Iterable[State]) -> None:
        """Take out purged jobs."""
        self.count_by_state.subtract(states)

    def twin(self, live_key: str) -> str | None:
        """Return the id of the oldest job that lives under `live_key`."""
        return min(self.live_ids[live_key]) if live_key in self.live_ids else None

    def admit(self, owner: str) -> None:
        """Check that `owner` may add one more waiting job.

        Raises:
            ClipferryError: QUEUE_FULL or OWNER_QUEUE_FULL, with both numbers.
        """
        waiting = sum(self.count_by_state[state] for state in WAITING)
        if waiting >= self.limits.max_waiting:
            raise _full(Reason.QUEUE_FULL, "The queue is full", waiting, self.limits.max_waiting)
        most = self.limits.max_waiting_per_owner
        if most and self.waiting_by_owner[owner] >= most:
            mine = self.waiting_by_owner[owner]
            raise _full(Reason.OWNER_QUEUE_FULL, "This owner has enough waiting", mine, most)

    def may_run(self, owner: str) -> bool:
        """Return whether one more job of `owner` may run now."""
        most_of_all = self.limits.max_running
        if most_of_all and sum(self.count_by_state[state] for state in ACTIVE) >= most_of_all:
            return False
        most = self.limits.max_running_per_owner
        return not most or self.running_by_owner[owner] < most

    def full_owners(self) -> list[str]:
        """Return the owners of whom no more jobs may run now."""
        most = self.limits.max_running_per_owner
        return [owner for owner, count in self.running_by_owner.items() if count >= most] if most else []

    def next_turn(self, owner: str) -> int:
        """Return the tag for one more job of `owner`."""
        tag = max(self.served_tag, self.next_tags.get(owner, 0))
        self.next_tags[owner] = tag + 1
        return tag

    def _count(self, before: Job | None, after: Job) -> None:
        if before is None or before.state is not after.state:
            if before is not None:
                self._move(before, -1)
            self._move(after, 1)
        self._count_live(before, after)

    def _count_live(self, before: Job | None, after: Job) -> None:
        if after.state not in ENDED and not after.cancel_requested:
            if before is None or before.state in ENDED:
                self.live_ids[after.live_key].add(after.id)
        elif after.live_key in self.live_ids:
            self.live_ids[after.live_key].discard(after.id)
            if not self.live_ids[after.live_key]:
                del self.live_ids[after.live_key]

    def _move(self, job: Job, step: int) -> None:
        self.count_by_state[job.state] += step
        by_owner = (
            self.waiting_by_owner if job.state in WAITING else self.running_by_owner if job.state in ACTIVE else None
        )
        if by_owner is None:
            return
        by_owner[job.owner] += step
        if by_owner[job.owner] <= 0:
            del by_owner[job.owner]


def _full(reason: Reason, what: str, queued: int, limit: int) -> ClipferryError:
    return ClipferryError(
        reason, f"{what}: {queued} of {limit} jobs wait.", retry_after_s=_RETRY_AFTER_FULL_S, queued=queued, limit=limit
    )
