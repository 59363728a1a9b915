"""Telegram's limits hold for one notifier by itself, and for several through their database: the same promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import StartError
from services.notifier.adapters.shared_pace import open_shared_pace
from services.notifier.adapters.turns import MessageLimits, MessageTurns
from services.notifier.core.flood import FloodGate
from services.notifier.core.pace import OwnPace
from services.notifier.core.ports import Pace
from services.queue.adapters.postgres.connection import connect
from tests.fakes.eventually import eventually
from tests.fakes.paced import passed_early
from tests.fakes.postgres import database_for, shared_server

LIMITS = MessageLimits(per_s=0, per_chat_s=20, per_group_min=600)
SLOW = MessageLimits(per_s=0, per_chat_s=20, per_group_min=3)
"""A second message to a group stands in line for 20 s: much longer than all others can take."""
BOT = "123456"

OpenPace = Callable[[MessageLimits], Awaitable[Pace]]


class Notifier:
    """One notifier's gate, and when it let messages pass."""

    def __init__(self, pace: Pace, passed: list[tuple[float, str]], limits: MessageLimits = LIMITS) -> None:
        clock = SystemClock()
        self.gate = FloodGate(MessageTurns(clock, limits), pace, clock, wait_s=30)
        self.waits: list[float] = []
        self._passed = passed

    async def send(self, chat: str) -> None:
        await self.gate.enter(chat, on_wait=self._note)
        self._passed.append((now_s(), chat))

    async def _note(self, wait_s: float) -> None:
        self.waits.append(wait_s)

    async def is_waiting(self) -> bool:
        return bool(self.waits)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def is_left(left_s: float | None, of_s: float, begun_at_s: float) -> bool:
    """Return whether `left_s` is what is left of `of_s` seconds that began at a time or soon after it."""
    return left_s is not None and of_s - (now_s() - begun_at_s) - 1 <= left_s <= of_s + 1


def early(passed: list[tuple[float, str]], chat: str, begun_at_s: float, distance_s: float) -> list[int]:
    """Return which messages to `chat` passed before their time."""
    at_s = [at_s for at_s, name in passed if name == chat]
    return passed_early(at_s, begun_at_s=begun_at_s, distance_s=distance_s)


@pytest.fixture(params=["own", "shared"])
async def open_pace(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenPace]:
    async with AsyncExitStack() as stack:

        async def opened(limits: MessageLimits) -> Pace:
            if request.param == "own":
                return OwnPace()
            url = database_for(tmp_path)
            return await stack.enter_async_context(open_shared_pace(url, bot_id=BOT, limits=limits))

        yield opened


async def test_messages_to_a_chat_keep_their_distance(open_pace: OpenPace) -> None:
    passed: list[tuple[float, str]] = []
    notifier = Notifier(await open_pace(LIMITS), passed)
    begun_at_s = now_s()

    await asyncio.gather(*(notifier.send(chat) for chat in ("1", "1", "1", "-2", "-2", "3")))

    assert len(passed) == 6
    assert early(passed, "1", begun_at_s, 0.05) == []
    assert early(passed, "-2", begun_at_s, 0.1) == []


async def test_a_chat_that_has_to_wait_holds_up_no_other(open_pace: OpenPace) -> None:
    passed: list[tuple[float, str]] = []
    notifier = Notifier(await open_pace(SLOW), passed, SLOW)
    await notifier.send("-2")
    waiting = asyncio.create_task(notifier.send("-2"))
    await eventually(notifier.is_waiting, what="the second message stands in line")

    await notifier.send("1")
    await notifier.send("-3")

    waiting.cancel()
    await asyncio.wait([waiting])
    assert [chat for _, chat in passed] == ["-2", "1", "-3"]


async def test_a_held_chat_waits_as_long_as_it_is_held(open_pace: OpenPace) -> None:
    passed: list[tuple[float, str]] = []
    notifier = Notifier(await open_pace(LIMITS), passed)
    begun_at_s = now_s()
    await notifier.gate.hold("1", 0.6)

    await notifier.send("1")

    assert passed[0][0] - begun_at_s >= 0.599


async def test_a_held_chat_says_that_it_waits_and_others_go(open_pace: OpenPace) -> None:
    passed: list[tuple[float, str]] = []
    notifier = Notifier(await open_pace(LIMITS), passed)
    await notifier.gate.hold("1", 29)
    waiting = asyncio.create_task(notifier.send("1"))
    await eventually(notifier.is_waiting, what="the message to the held chat waits")

    await notifier.send("2")

    waiting.cancel()
    await asyncio.wait([waiting])
    assert [chat for _, chat in passed] == ["2"]
    assert 15 < notifier.waits[0] <= 29


async def test_a_wait_that_is_too_long_is_told_at_once(open_pace: OpenPace) -> None:
    notifier = Notifier(await open_pace(LIMITS), [])
    begun_at_s = now_s()
    await notifier.gate.hold("1", 222)

    with pytest.raises(ClipferryError) as caught:
        await notifier.send("1")

    assert caught.value.reason is Reason.TELEGRAM_FLOOD
    assert is_left(caught.value.retry_after_s, 222, begun_at_s)


async def _several(stack: AsyncExitStack, url: str, count: int, limits: MessageLimits = LIMITS) -> list[Pace]:
    return list(
        await asyncio.gather(
            *(stack.enter_async_context(open_shared_pace(url, bot_id=BOT, limits=limits)) for _ in range(count))
        )
    )


async def test_several_notifiers_keep_one_distance(tmp_path: Path) -> None:
    """Three that started together on an empty database send to one group as often as one may, and no oftener."""
    passed: list[tuple[float, str]] = []
    async with AsyncExitStack() as stack:
        url = shared_server().create(f"pace_{tmp_path.name[-8:].strip('-_').lower()}")
        notifiers = [Notifier(pace, passed) for pace in await _several(stack, url, 3)]
        begun_at_s = now_s()

        await asyncio.gather(*(notifier.send("-2") for notifier in notifiers for _ in range(3)))

    assert len(passed) == 9
    assert early(passed, "-2", begun_at_s, 0.1) == []


async def test_several_notifiers_keep_the_limit_of_all_chats(tmp_path: Path) -> None:
    limits = MessageLimits(per_s=20, per_chat_s=0, per_group_min=0)
    passed: list[tuple[float, str]] = []
    async with AsyncExitStack() as stack:
        paces = await _several(stack, database_for(tmp_path), 2, limits)
        notifiers = [Notifier(pace, passed, limits) for pace in paces]
        begun_at_s = now_s()

        await asyncio.gather(*(one.send(f"{at}{n}") for at, one in enumerate(notifiers, 1) for n in range(4)))

    assert len(passed) == 8
    assert passed_early((at_s for at_s, _ in passed), begun_at_s=begun_at_s, distance_s=0.05) == []


async def test_what_one_was_refused_holds_the_others(tmp_path: Path) -> None:
    """The other notifier does not ask Telegram again; another bot of the same database does."""
    async with AsyncExitStack() as stack:
        url = database_for(tmp_path)
        first, second = await _several(stack, url, 2)
        stranger = await stack.enter_async_context(open_shared_pace(url, bot_id="654321", limits=LIMITS))
        begun_at_s = now_s()
        await Notifier(first, []).gate.hold("1", 222)

        with pytest.raises(ClipferryError) as caught:
            await Notifier(second, []).send("1")
        await Notifier(stranger, []).send("1")
        await Notifier(second, []).send("2")

    assert is_left(caught.value.retry_after_s, 222, begun_at_s)


async def test_without_its_database_a_notifier_goes_on_by_itself(tmp_path: Path) -> None:
    """The log hears of it once; what Telegram has asked of this one still counts."""
    limits = MessageLimits(per_s=0, per_chat_s=2, per_group_min=0)
    passed: list[tuple[float, str]] = []
    async with AsyncExitStack() as stack:
        (pace,) = await _several(stack, database_for(tmp_path), 1, limits)
        assert await pace.claim("1") == 0
        await pace._pool.execute("DROP SCHEMA notifier CASCADE")  # type: ignore[attr-defined]
        notifier = Notifier(pace, passed, limits)
        await notifier.gate.hold("3", 222)
        begun_at_s = now_s()

        await asyncio.gather(*(notifier.send(chat) for chat in ("1", "1", "2")))
        with pytest.raises(ClipferryError):
            await notifier.send("3")

    assert len(passed) == 3
    assert early(passed, "1", begun_at_s, 0.5) == []


async def test_what_a_release_without_migrations_has_made_goes_on(tmp_path: Path) -> None:
    """Its table stays, with what Telegram has refused it; the schema has a number from then on."""
    url = database_for(tmp_path, template="template1")
    connection = await connect(url)
    begun_at_s = now_s()
    await connection.execute(
        "CREATE SCHEMA notifier; "
        "CREATE UNLOGGED TABLE notifier.lines (name text PRIMARY KEY, free_at timestamptz NOT NULL); "
        f"INSERT INTO notifier.lines VALUES ('{BOT} 1', clock_timestamp() + interval '222 s')"
    )
    async with AsyncExitStack() as stack:
        pace, _ = await _several(stack, url, 2)
        with pytest.raises(ClipferryError) as caught:
            await Notifier(pace, []).send("1")
        await Notifier(pace, []).send("2")
    version = await connection.fetchval("SELECT schema_version FROM notifier.meta")
    await connection.close()

    assert is_left(caught.value.retry_after_s, 222, begun_at_s)
    assert version == 1


async def test_the_schema_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    url = database_for(tmp_path)
    async with open_shared_pace(url, bot_id=BOT, limits=LIMITS):
        pass
    connection = await connect(url)
    await connection.execute("UPDATE notifier.meta SET schema_version = 99")
    await connection.close()

    with pytest.raises(StartError, match="the notifier's schema version 99, from a newer clipferry"):
        async with open_shared_pace(url, bot_id=BOT, limits=LIMITS):
            pass


async def test_a_database_that_cannot_be_reached_is_named_without_its_password() -> None:
    url = "postgresql://bob:secret@127.0.0.1:1/clipferry"

    with pytest.raises(StartError, match=r"the database at 127\.0\.0\.1:1/clipferry cannot be used") as refused:
        async with open_shared_pace(url, bot_id=BOT, limits=LIMITS):
            pass

    assert "secret" not in str(refused.value)
