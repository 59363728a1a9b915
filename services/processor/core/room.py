"""Memory that runs wait for, in the order in which they asked."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from services.chassis.errors import ClipferryError, Reason


class Budget(Protocol):
    """The part of the memory budget that is needed here."""

    def can_admit(self, wanted_bytes: int) -> bool:
        """Return whether so much more may be allocated now."""

    def allocate(self, holder: str, wanted_bytes: int) -> None:
        """Allocate for a holder that holds nothing."""

    def resize(self, holder: str, wanted_bytes: int) -> None:
        """Change what a holder holds. Raises MEMORY_BUDGET when there is not enough."""

    def free(self, holder: str) -> int:
        """Give back what a holder holds, if anything; returns the bytes."""

    def clean_up(self, active_job_names: Collection[str]) -> int:
        """Give back what others than those hold; returns the bytes."""


@dataclass(eq=False)
class _Waiting:
    holder: str
    wanted_bytes: int
    admitted: asyncio.Future[None]


class EvictedError(Exception):
    """All runs that held memory waited for more: this one, the youngest, has lost what it held and must start again.

    Args:
        wanted_bytes: What it waited for.
    """

    def __init__(self, wanted_bytes: int) -> None:
        super().__init__(wanted_bytes)
        self.wanted_bytes = wanted_bytes


class Room:
    """Hands out memory: first to runs that grow, the oldest of them first, then to those that begin, in their order.

    Who waits to begin holds nothing. Who waits to grow keeps what it holds; when all that hold something wait like
    that, the youngest is evicted, so that the oldest always goes on.

    Args:
        total_bytes: Most that one run can ever get.
        on_change: Called after each change of what is held.
    """

    def __init__(self, budget: Budget, *, total_bytes: int, on_change: Callable[[], None]) -> None:
        self._budget = budget
        self._total_bytes = total_bytes
        self._on_change = on_change
        self._queue: deque[_Waiting] = deque()
        self._growing: dict[str, _Waiting] = {}
        self._held: dict[str, int] = {}
        """By holder, the oldest first."""

    @property
    def waiting_count(self) -> int:
        """Runs that wait for memory: to begin, or to go on."""
        return len(self._queue) + len(self._growing)

    def take(self, holder: str, wanted_bytes: int) -> bool:
        """Give `holder` that much in place of what it held, if it can have it now; True when it got it.

        Raises:
            ClipferryError: MEMORY_BUDGET when it can never fit.
        """
        self._check_can_fit(wanted_bytes)
        got = self._take_now(holder, wanted_bytes)
        if got:
            self._held[holder] = wanted_bytes
        else:
            self._held.pop(holder, None)
            self._budget.free(holder)
        self._changed()
        return got

    def _take_now(self, holder: str, wanted_bytes: int) -> bool:
        held_bytes = self._held.get(holder, 0)
        if self.waiting_count and wanted_bytes > held_bytes:
            return False
        if holder not in self._held:
            if not self._budget.can_admit(wanted_bytes):
                return False
            self._budget.allocate(holder, wanted_bytes)
            return True
        return self._resized(holder, wanted_bytes)

    def _check_can_fit(self, wanted_bytes: int) -> None:
        if wanted_bytes > self._total_bytes:
            raise ClipferryError(
                Reason.MEMORY_BUDGET,
                f"The run needs {wanted_bytes} bytes of memory; the limit is {self._total_bytes} bytes.",
                size_bytes=wanted_bytes,
                limit_bytes=self._total_bytes,
            )

    async def wait(self, holder: str, wanted_bytes: int, *, was_evicted: bool = False) -> None:
        """Wait until `holder` has that much. Call when `take` returned False.

        Args:
            was_evicted: Whether it has been in before: it waits in front of those that have not.
        """
        waiting = _Waiting(holder, wanted_bytes, asyncio.get_running_loop().create_future())
        if was_evicted:
            self._queue.appendleft(waiting)
        else:
            self._queue.append(waiting)
        self._changed()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting in self._queue:
                self._queue.remove(waiting)
            self.free(holder)
            raise

    def grow(self, holder: str, wanted_bytes: int) -> bool:
        """Give `holder` that much, more than it holds, if it can have it now; True when it got it.

        Where it did not, it keeps what it holds.

        Raises:
            ClipferryError: MEMORY_BUDGET when it can never fit.
        """
        self._check_can_fit(wanted_bytes)
        if self._growing or not self._resized(holder, wanted_bytes):
            return False
        self._changed()
        return True

    async def wait_to_grow(self, holder: str, wanted_bytes: int) -> None:
        """Wait until `holder`, which keeps what it holds, has that much. Call when `grow` returned False.

        Raises:
            EvictedError: When it holds nothing any more, for the sake of those that are older.
        """
        waiting = _Waiting(holder, wanted_bytes, asyncio.get_running_loop().create_future())
        self._growing[holder] = waiting
        self._changed()
        try:
            await waiting.admitted
        finally:
            if self._growing.get(holder) is waiting:
                del self._growing[holder]
                self._changed()

    def correct(self, holder: str, held_bytes: int) -> None:
        """Set what `holder` holds to what it really holds.

        Raises:
            ClipferryError: MEMORY_BUDGET when there is not enough.
        """
        self._budget.resize(holder, held_bytes)
        self._held[holder] = held_bytes
        self._changed()

    def free(self, holder: str) -> None:
        """Give back what `holder` holds, if anything."""
        self._held.pop(holder, None)
        self._growing.pop(holder, None)
        self._budget.free(holder)
        self._changed()

    def free_orphans(self, active: Collection[str]) -> int:
        """Give back what holders other than `active` hold; returns the bytes."""
        freed_bytes = self._budget.clean_up(active)
        if freed_bytes:
            self._held = {holder: held for holder, held in self._held.items() if holder in active}
            self._growing = {holder: waiting for holder, waiting in self._growing.items() if holder in active}
            self._changed()
        return freed_bytes

    def _changed(self) -> None:
        self._let_grow()
        if not self._growing:
            self._let_begin()
        self._on_change()

    def _let_grow(self) -> None:
        while self._growing:
            by_age = [holder for holder in self._held if holder in self._growing]
            oldest = self._growing[by_age[0]]
            # Who was cancelled in this turn of the loop has not left yet.
            if oldest.admitted.done() or self._resized(oldest.holder, oldest.wanted_bytes):
                self._settle(oldest)
            elif len(by_age) == len(self._held):
                self._evict(by_age[-1])
            else:
                return

    def _settle(self, growing: _Waiting) -> None:
        del self._growing[growing.holder]
        if not growing.admitted.done():
            growing.admitted.set_result(None)

    def _evict(self, holder: str) -> None:
        del self._held[holder]
        self._budget.free(holder)
        waiting = self._growing.pop(holder)
        if not waiting.admitted.done():
            waiting.admitted.set_exception(EvictedError(waiting.wanted_bytes))

    def _resized(self, holder: str, wanted_bytes: int) -> bool:
        try:
            self._budget.resize(holder, wanted_bytes)
        except ClipferryError:
            return False
        self._held[holder] = wanted_bytes
        return True

    def _let_begin(self) -> None:
        while self._queue:
            waiting = self._queue[0]
            # Who was cancelled in this turn of the loop has not left the queue yet.
            if not waiting.admitted.done():
                if not self._budget.can_admit(waiting.wanted_bytes):
                    return
                self._budget.allocate(waiting.holder, waiting.wanted_bytes)
                self._held[waiting.holder] = waiting.wanted_bytes
                waiting.admitted.set_result(None)
            self._queue.popleft()
