"""One thread that writes, and commits everything that waits at once.

A commit costs a sync of the disk, whether it holds one call or three hundred; so calls that arrive during a commit are
the next one together.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.ports import Change

logger = structlog.get_logger(__name__)

T = TypeVar("T")

_MOST_TOGETHER = 256
"""Calls of one transaction."""


class Transactions(Protocol):
    """What the calls write to."""

    def begin(self) -> None:
        """Begin a transaction."""

    def commit(self) -> Sequence[Change]:
        """Make it durable; returns the changes in it."""

    def rollback(self) -> None:
        """Forget it. Never raises."""


class _Call(NamedTuple):
    work: Callable[[], Any]
    done: asyncio.Future[Any]


class GroupCommit:
    """Runs calls in a thread, many in one transaction; a failing call never fails its neighbours.

    Args:
        transactions: Begins and commits, in the thread.
        publish: Hears of the changes of each commit, in the loop, before the calls return.
    """

    def __init__(self, transactions: Transactions, publish: Callable[[Sequence[Change]], None]) -> None:
        self._transactions = transactions
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="queue-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` inside a transaction; returns what it returns once that is durable.

        `work` may run twice, when a neighbour made the first transaction fail. It also runs when the caller has gone.

        Raises:
            ClipferryError: STORE_UNAVAILABLE when the database fails.
        """
        done: asyncio.Future[T] = self._loop.create_future()
        self._calls.put(_Call(work, done))
        return await done

    async def close(self) -> None:
        """Finish what waits and end the thread."""
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        open_ = True
        while open_:
            call = self._calls.get()
            together = []
            while call is not None:
                together.append(call)
                if len(together) == _MOST_TOGETHER or self._calls.empty():
                    break
                call = self._calls.get()
            open_ = call is not None
            if together:
                self._commit(together)

    def _commit(self, together: Sequence[_Call]) -> None:
        changes: Sequence[Change] = ()
        try:
            self._transactions.begin()
            outcomes: list[Any] = [call.work() for call in together]
            changes = self._transactions.commit()
        except Exception as error:  # noqa: BLE001 - whatever failed is told to its caller, and only to that one
            self._transactions.rollback()
            if len(together) > 1:
                for call in together:
                    self._commit([call])
                return
            outcomes = [_told(error)]
        self._loop.call_soon_threadsafe(self._deliver, changes, together, outcomes)

    def _deliver(self, changes: Sequence[Change], calls: Sequence[_Call], outcomes: Sequence[Any]) -> None:
        if changes:
            self._publish(changes)
        for call, outcome in zip(calls, outcomes, strict=True):
            if call.done.done():  # its caller has gone
                continue
            if isinstance(outcome, BaseException):
                call.done.set_exception(outcome)
            else:
                call.done.set_result(outcome)


def _told(error: Exception) -> Exception:
    if not isinstance(error, sqlite3.Error):
        return error
    logger.error("The database refused a call.", action="store_failed", exc_info=error)
    told = ClipferryError(Reason.STORE_UNAVAILABLE, retry_after_s=1.0)
    told.__cause__ = error
    return told
