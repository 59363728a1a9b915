"""A chat's next message waits for what Telegram asked, and no other chat does."""

import asyncio

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.notifier.core.flood import FloodGate
from services.notifier.core.pace import OwnPace
from tests.fakes.clock import FakeClock, let_others_run


class Line:
    """Turns that a test grants."""

    def __init__(self) -> None:
        self.wait_of = {"busy": 5.0}
        self.taken: list[str] = []
        self.free = asyncio.Event()
        self.free.set()

    def wait_s(self, chat: str) -> float:
        return self.wait_of.get(chat, 0.0)

    async def take(self, chat: str) -> None:
        await self.free.wait()
        self.taken.append(chat)


class Passing:
    """Messages at a gate."""

    def __init__(self, *, wait_s: float = 30) -> None:
        self.clock = FakeClock()
        self.line = Line()
        self.gate = FloodGate(self.line, OwnPace(), self.clock, wait_s=wait_s)
        self.waits: list[float] = []

    def enter(self, chat: str) -> "asyncio.Task[None]":
        return asyncio.create_task(self.gate.enter(chat, on_wait=self._note))

    async def _note(self, wait_s: float) -> None:
        self.waits.append(wait_s)


async def test_a_held_chat_waits_to_the_end_and_others_do_not() -> None:
    """Not a moment earlier than Telegram asked; the other chat goes at once."""
    passing = Passing()
    await passing.gate.hold("1", 7)
    first, other = passing.enter("1"), passing.enter("2")
    await let_others_run()
    assert other.done()
    assert not first.done()

    passing.clock.advance(6.9)
    await let_others_run()
    assert not first.done()
    passing.clock.advance(0.1)
    await let_others_run()

    assert first.done()
    assert passing.waits == [7]
    assert passing.line.taken == ["2", "1"]


async def test_a_wait_that_is_too_long_is_told_at_once() -> None:
    """The rest of it goes back to the queue, where the job holds no memory."""
    passing = Passing(wait_s=30)
    await passing.gate.hold("1", 222)
    passing.clock.advance(100)

    with pytest.raises(ClipferryError) as caught:
        await passing.enter("1")

    assert caught.value.reason is Reason.TELEGRAM_FLOOD
    assert (caught.value.retry_after_s, caught.value.metadata) == (122, {"retry_after": "122"})
    assert "chat 1 may go in 122 s" in caught.value.message
    assert passing.waits == []
    assert passing.line.taken == []


async def test_a_line_that_is_too_long_is_told_at_once() -> None:
    """The same for Telegram's limits as for its refusals."""
    passing = Passing(wait_s=4)

    with pytest.raises(ClipferryError) as caught:
        await passing.enter("busy")

    assert caught.value.retry_after_s == 5


async def test_a_hold_that_comes_while_a_message_is_in_line_counts() -> None:
    """The first of two was refused meanwhile: the second waits as well."""
    passing = Passing()
    passing.line.free.clear()
    second = passing.enter("1")
    await let_others_run()

    await passing.gate.hold("1", 10)
    passing.line.free.set()
    await let_others_run()
    assert not second.done()
    passing.clock.advance(10)
    await let_others_run()

    assert second.done()


async def test_the_waits_of_one_message_add_up() -> None:
    """A chat that is held again and again gives the job back, and does not keep its memory for ever."""
    passing = Passing(wait_s=15)
    await passing.gate.hold("1", 10)
    message = passing.enter("1")
    await let_others_run()
    passing.line.free.clear()
    passing.clock.advance(10)
    await let_others_run()
    await passing.gate.hold("1", 10)
    passing.line.free.set()

    with pytest.raises(ClipferryError) as caught:
        await message

    assert caught.value.retry_after_s == 10


async def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    """Two messages were refused: the later end counts."""
    passing = Passing()
    await passing.gate.hold("1", 20)
    await passing.gate.hold("1", 3)
    message = passing.enter("1")
    await let_others_run()

    passing.clock.advance(3)
    await let_others_run()
    assert not message.done()
    message.cancel()


async def test_short_waits_are_not_told() -> None:
    """A tenth of a second is not worth a word to a person."""
    passing = Passing()
    passing.line.wait_of["1"] = 0.1

    await passing.enter("1")

    assert passing.waits == []
