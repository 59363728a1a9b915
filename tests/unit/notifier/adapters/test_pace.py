"""Telegram's limits hold for one notifier by itself, and for several through their database: the same promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
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
from tests.fakes.postgres import database_for, shared_server

LIMITS = MessageLimits(per_s=0, per_chat_s=20, per_group_min=600)
BOT = "123456"


class Notifier:
    """One notifier's gate, and when it let messages pass."""

    def __init__(self, pace: Pace, passed: list[tuple[float, str]], limits: MessageLimits = LIMITS) -> None:
        clock = SystemClock()
        self.gate = FloodGate(MessageTurns(clock, limits), pace, clock, wait_s=30)
        self.waits: list[float] = []
        self._passed = passed

    async def send(self, chat: str) -> None:
        await self.gate.enter(chat, on_wait=self._note)
        self._passed.append((asyncio.get_running_loop().time(), chat))

    async def _note(self, wait_s: float) -> None:
        self.waits.append(wait_s)


def distances_s(passed: list[tuple[float, str]], chat: str) -> list[float]:
    return [right - left for left, right in pairwise(at_s for at_s, name in passed if name == chat)]


@pytest.fixture(params=["own", "shared"])
async def pace(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pace]:
    if request.param == "own":
        yield OwnPace()
        return
    async with open_shared_pace(database_for(tmp_path), bot_id=BOT, limits=LIMITS) as shared:
        yield shared


async def test_messages_to_a_chat_keep_their_distance_and_others_go(pace: Pace) -> None:
    passed: list[tuple[float, str]] = []
    notifier = Notifier(pace, passed)

    await asyncio.gather(*(notifier.send(chat) for chat in ("1", "1", "1", "-2", "-2", "3")))

    assert all(distance_s > 0.045 for distance_s in distances_s(passed, "1"))
    assert all(distance_s > 0.09 for distance_s in distances_s(passed, "-2"))
    last_of_one = max(place for place, (_, chat) in enumerate(passed) if chat == "1")
    assert {chat for _, chat in passed[:last_of_one]} == {"1", "-2", "3"}, "another chat waited for this one"


async def test_a_held_chat_waits_and_others_do_not(pace: Pace) -> None:
    passed: list[tuple[float, str]] = []
    notifier = Notifier(pace, passed)
    begun_at_s = asyncio.get_running_loop().time()
    await notifier.gate.hold("1", 0.6)

    await asyncio.gather(notifier.send("1"), notifier.send("2"))

    assert [chat for _, chat in passed] == ["2", "1"]
    assert passed[1][0] - begun_at_s >= 0.59
    assert notifier.waits[0] == pytest.approx(0.6, abs=0.1)


async def test_a_wait_that_is_too_long_is_told_at_once(pace: Pace) -> None:
    notifier = Notifier(pace, [])
    await notifier.gate.hold("1", 222)

    with pytest.raises(ClipferryError) as caught:
        await notifier.send("1")

    assert caught.value.reason is Reason.TELEGRAM_FLOOD
    assert caught.value.retry_after_s == pytest.approx(222, abs=1)


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

        await asyncio.gather(*(notifier.send("-2") for notifier in notifiers for _ in range(3)))

    assert len(passed) == 9
    assert all(distance_s > 0.08 for distance_s in distances_s(passed, "-2"))


async def test_several_notifiers_keep_the_limit_of_all_chats(tmp_path: Path) -> None:
    limits = MessageLimits(per_s=20, per_chat_s=0, per_group_min=0)
    passed: list[tuple[float, str]] = []
    async with AsyncExitStack() as stack:
        paces = await _several(stack, database_for(tmp_path), 2, limits)
        notifiers = [Notifier(pace, passed, limits) for pace in paces]

        await asyncio.gather(*(one.send(f"{at}{n}") for at, one in enumerate(notifiers, 1) for n in range(4)))

    times_s = sorted(at_s for at_s, _ in passed)
    assert times_s[-1] - times_s[0] > 7 * 0.045


async def test_what_one_was_refused_holds_the_others(tmp_path: Path) -> None:
    """The other notifier does not ask Telegram again; another bot of the same database does."""
    async with AsyncExitStack() as stack:
        url = database_for(tmp_path)
        first, second = await _several(stack, url, 2)
        stranger = await stack.enter_async_context(open_shared_pace(url, bot_id="654321", limits=LIMITS))
        await Notifier(first, []).gate.hold("1", 222)

        with pytest.raises(ClipferryError) as caught:
            await Notifier(second, []).send("1")
        await Notifier(stranger, []).send("1")
        await Notifier(second, []).send("2")

    assert caught.value.retry_after_s == pytest.approx(222, abs=1)


async def test_without_its_database_a_notifier_goes_on_by_itself(tmp_path: Path) -> None:
    """The log hears of it once; what Telegram has asked of this one still counts."""
    passed: list[tuple[float, str]] = []
    async with AsyncExitStack() as stack:
        (pace,) = await _several(stack, database_for(tmp_path), 1)
        assert await pace.claim("1") == 0
        await pace._pool.execute("DROP SCHEMA notifier CASCADE")  # type: ignore[attr-defined]
        notifier = Notifier(pace, passed)
        await notifier.gate.hold("3", 222)

        await asyncio.gather(*(notifier.send(chat) for chat in ("1", "1", "2")))
        with pytest.raises(ClipferryError):
            await notifier.send("3")

    assert all(distance_s > 0.045 for distance_s in distances_s(passed, "1"))


async def test_what_a_release_without_migrations_has_made_goes_on(tmp_path: Path) -> None:
    """Its table stays, with what Telegram has refused it; the schema has a number from then on."""
    url = database_for(tmp_path, template="template1")
    connection = await connect(url)
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

    assert caught.value.retry_after_s == pytest.approx(222, abs=5)
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
