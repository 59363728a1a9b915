"""A store whose database goes away for one call: before it is done, or after it was and before the caller learns it."""

import enum
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.queue.adapters.backend import Backend, OpenBackend, Rules, open_backend
from services.queue.core.ports import Change, JobStore


class When(enum.Enum):
    """At which moment of a call the database goes away."""

    BEFORE = "before"
    AFTER = "after"
    """It is committed, but the caller sees a failure."""


@dataclass
class Faults:
    """What is to fail. A call is named by its method; one that applies a move, by the move."""

    call: str = ""
    """Name of the call that fails; empty: none."""
    when: When = When.BEFORE
    count: int = 1
    """How often, from the first on."""
    failed: list[str] = field(default_factory=list)
    """Names of the calls that failed so far."""

    def arm(self, call: str, when: When) -> None:
        """Let the next call of this name fail."""
        self.call, self.when = call, when
        self.failed.clear()

    def hits(self, names: Sequence[str]) -> bool:
        """Return whether a call with these names fails, and count it."""
        hit = self.call in names and len(self.failed) < self.count
        if hit:
            self.failed.append(self.call)
        return hit


class FaultyStore:
    """See `services.queue.core.ports.JobStore`."""

    def __init__(self, store: JobStore, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            moves = [type(move).__name__ for move in args[0]] if name == "apply" else []
            hit = self._faults.hits([name, *moves])
            if hit and self._faults.when is When.BEFORE:
                raise ClipferryError(Reason.STORE_UNAVAILABLE, retry_after_s=0.05)
            answer = await method(*args, **kwargs)
            if hit:
                raise ClipferryError(Reason.STORE_UNAVAILABLE, retry_after_s=0.05)
            return answer

        return call


def faulty(faults: Faults) -> OpenBackend:
    """Return what opens a store with `faults`."""

    @asynccontextmanager
    async def open_faulty(
        url: str, rules: Rules, *, clock: Clock, publish: Callable[[Sequence[Change]], None]
    ) -> AsyncIterator[Backend]:
        async with open_backend(url, rules, clock=clock, publish=publish) as backend:
            yield backend._replace(store=FaultyStore(backend.store, faults))

    return open_faulty
