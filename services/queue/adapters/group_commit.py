"""Many calls, one transaction: everything that waits is committed at once.

A commit costs a sync of the disk, whether it holds one call or three hundred; so calls that arrive during a commit are
the next one together.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol, TypeVar

from services.chassis.errors import ClipferryError
from services.chassis.lifecycle import background
from services.queue.adapters.outcomes import count_outcomes
from services.queue.core.calls import Call, Claim
from services.queue.core.ports import Change
from services.queue.metrics import COMMIT_SECONDS, COMMITTED_CALLS

T = TypeVar("T")

_MOST_TOGETHER = 256
"""Calls of one transaction."""


class Engine(Protocol):
    """What the calls are made in."""

    async def transact(self, calls: Sequence[Call[Any]]) -> tuple[Sequence[Any], Sequence[Change]]:
        """Run `calls` in one transaction; returns their answers and what they changed, once that is durable.

        Raises:
            ClipferryError: STORE_UNAVAILABLE when the database fails. Then it is not known whether it is durable.
            Exception: Whatever a call raised. Then nothing has changed.
        """


class _Waiting(NamedTuple):
    call: Call[Any]
    answer: asyncio.Future[Any]


class GroupCommit:
    """Gathers calls, and commits them together; a failing call never fails its neighbours.

    Args:
        engine: Runs a transaction.
        publish: Hears of the changes of each commit before its calls return.
    """

    def __init__(self, engine: Engine, publish: Callable[[Sequence[Change]], Awaitable[None]]) -> None:
        self._engine = engine
        self._publish = publish
        self._waiting: deque[_Waiting] = deque()
        self._woken = asyncio.Event()
        self._closed = False
        self._finished = asyncio.Event()

    async def run(self, call: Call[T]) -> T:
        """Return the answer of `call`, once what it changed is durable. It also runs when the caller has gone.

        Raises:
            ClipferryError: STORE_UNAVAILABLE when the database fails.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(call, answer))
        self._woken.set()
        return await answer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Commit what is asked for, for the length of the block; at its end what still waits is finished."""
        async with background(self._serve(), name="commit"):
            try:
                yield
            finally:
                self._closed = True
                self._woken.set()
                await self._finished.wait()

    async def _serve(self) -> None:
        try:
            while self._waiting or not self._closed:
                await self._woken.wait()
                self._woken.clear()
                while self._waiting:
                    count = min(len(self._waiting), _MOST_TOGETHER)
                    together = [self._waiting.popleft() for _ in range(count)]
                    # What is handed out last goes to slots that the other calls have freed.
                    together.sort(key=lambda waiting: isinstance(waiting.call, Claim))
                    await self._commit(together)
        finally:
            self._finished.set()

    async def _commit(self, together: Sequence[_Waiting]) -> None:
        began_at_s = time.perf_counter()
        try:
            answers, changes = await self._engine.transact([waiting.call for waiting in together])
            COMMIT_SECONDS.observe(time.perf_counter() - began_at_s)
            COMMITTED_CALLS.add(by=len(together))
            count_outcomes(changes)
        except ClipferryError as error:  # the database itself: each alone would fail the same way
            answers, changes = [error] * len(together), ()
        except Exception as error:  # noqa: BLE001 - whatever failed is told to its caller, and only to that one
            if len(together) > 1:
                for waiting in together:
                    await self._commit([waiting])
                return
            answers, changes = [error], ()
        if changes:
            await self._publish(changes)
        for waiting, answer in zip(together, answers, strict=True):
            if waiting.answer.done():  # its caller has gone
                continue
            if isinstance(answer, BaseException):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)
