"""Calls that wait share a transaction, and nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.queue.adapters.group_commit import GroupCommit
from services.queue.core.batch import Batch
from services.queue.core.calls import Call, Wanted
from services.queue.core.ports import Change
from tests.fakes.clock import let_others_run


@dataclass(frozen=True)
class Say:
    """A call that answers with a word."""

    word: str

    def want(self, wanted: Wanted) -> None:
        """Nothing."""

    def run(self, _batch: Batch) -> str:
        return self.word


@dataclass
class SlowEngine:
    """Transactions that end when the test lets them."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    transactions: list[list[str]] = field(default_factory=list)
    failure: Exception | None = None
    """Raised by every transaction that holds the word "bad"."""

    async def transact(self, calls: Sequence[Call[Any]]) -> tuple[Sequence[Any], Sequence[Change]]:
        words = [call.word for call in calls if isinstance(call, Say)]
        self.transactions.append(words)
        await self.gate.wait()
        if self.failure is not None and "bad" in words:
            raise self.failure
        return words, ()


async def publish(_changes: Sequence[Change]) -> None:
    pass


async def test_calls_that_wait_share_a_commit() -> None:
    """A hundred calls that come while one is committed cost one more sync of the disk, not a hundred."""
    engine = SlowEngine()
    commits = GroupCommit(engine, publish)
    async with commits.serving():
        first = asyncio.ensure_future(commits.run(Say("first")))
        await let_others_run()
        others = [asyncio.ensure_future(commits.run(Say(str(number)))) for number in range(100)]
        await let_others_run()
        engine.gate.set()

        assert await first == "first"
        assert await asyncio.gather(*others) == [str(number) for number in range(100)]
    assert [len(words) for words in engine.transactions] == [1, 100]


async def test_a_failing_call_fails_alone() -> None:
    engine = SlowEngine(failure=ValueError("bad"))
    engine.gate.set()
    commits = GroupCommit(engine, publish)
    async with commits.serving():
        answers = await asyncio.gather(*(commits.run(Say(word)) for word in ("a", "bad", "b")), return_exceptions=True)

    assert [answers[0], answers[2]] == ["a", "b"]
    assert answers[1] is engine.failure


async def test_a_database_that_is_away_fails_all_at_once() -> None:
    """Nobody waits for a hundred time-outs one after the other."""
    engine = SlowEngine(failure=ClipferryError(Reason.STORE_UNAVAILABLE))
    engine.gate.set()
    commits = GroupCommit(engine, publish)
    async with commits.serving():
        answers = await asyncio.gather(*(commits.run(Say(word)) for word in ("a", "bad", "b")), return_exceptions=True)

    assert answers == [engine.failure] * 3
    assert len(engine.transactions) == 1


async def test_what_waits_is_finished_at_the_end() -> None:
    engine = SlowEngine()
    commits = GroupCommit(engine, publish)
    async with commits.serving():
        calls = [asyncio.ensure_future(commits.run(Say(str(number)))) for number in range(3)]
        await let_others_run()
        engine.gate.set()

    assert [call.result() for call in calls] == ["0", "1", "2"]


async def test_a_caller_that_went_away_breaks_nothing() -> None:
    engine = SlowEngine()
    commits = GroupCommit(engine, publish)
    async with commits.serving():
        gone = asyncio.ensure_future(commits.run(Say("gone")))
        await let_others_run()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        engine.gate.set()

        assert await commits.run(Say("here")) == "here"
    assert engine.transactions[0] == ["gone"]
