"""A store and what comes with it, by the engine that a database URL names."""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from services.chassis.clock import Clock
from services.queue.core.job import Job
from services.queue.core.lease import Lease, Policy
from services.queue.core.ledger import Limits
from services.queue.core.ports import Change, JobStore
from services.queue.core.roll import Peers
from services.queue.core.runs import Progress

SQLITE = "sqlite:///"
POSTGRES = "postgresql://"


class Backend(NamedTuple):
    """What an engine gives."""

    store: JobStore
    peers: Peers
    follow: "Follow"
    """Publishes what other replicas do, until cancelled. Start it when everybody listens."""


Follow = Callable[[Callable[[Lease, Progress], object], Callable[[], None]], Coroutine[Any, Any, None]]
"""Takes whom to tell of the progress of the other replicas' runs, and of changes of their workers."""


class Rules(NamedTuple):
    """What a store is opened with."""

    limits: Limits
    """What is admitted."""
    policy: Policy
    """Numbers for decisions."""
    encode: Callable[[Job], bytes]
    """Serialises a job for the wire; may be called in other threads."""


class OpenBackend(Protocol):
    """What opens a store."""

    def __call__(
        self, url: str, rules: Rules, *, clock: Clock, publish: Callable[[Sequence[Change]], None]
    ) -> AbstractAsyncContextManager[Backend]:
        """Open the store at `url` for the length of a block."""


def open_backend(
    url: str, rules: Rules, *, clock: Clock, publish: Callable[[Sequence[Change]], None]
) -> AbstractAsyncContextManager[Backend]:
    """Open the store at `url` for the length of a block.

    Args:
        url: ``sqlite:///`` and a path, or ``postgresql://…``.
        rules: See there.
        clock: Only ever read forward. A database that has a clock of its own uses that.
        publish: Hears of every change, in the loop, in the order of the log; of its own before the calls return that
            made them.

    Raises:
        StartError: If the database cannot be used.
    """
    # Only the engine that is asked for is loaded: it shows in the time of a start.
    if url.startswith(POSTGRES):
        from services.queue.adapters.postgres.opening import open_postgres  # noqa: PLC0415

        return open_postgres(url, rules, publish=publish)
    from services.queue.adapters.sqlite.opening import open_sqlite  # noqa: PLC0415

    return open_sqlite(Path(url.removeprefix(SQLITE)), rules, clock=clock, publish=publish)
