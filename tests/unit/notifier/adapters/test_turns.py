"""Telegram's limits are kept in any window, in order, and a message that is given up holds nobody up."""

import asyncio
import time

import pytest

from services.chassis.clock import SystemClock
from services.notifier.adapters.turns import MessageLimits, MessageTurns
from tests.fakes.paced import passed_early


class Turns:
    """Messages that note when it was their turn."""

    def __init__(self, *, per_s: int = 0, per_chat_s: int = 0, per_group_min: int = 0) -> None:
        self.turns = MessageTurns(
            SystemClock(), MessageLimits(per_s=per_s, per_chat_s=per_chat_s, per_group_min=per_group_min)
        )
        self.passed: list[tuple[float, str]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._begun_at_s = asyncio.get_running_loop().time()

    def send(self, *chats: str) -> None:
        """Let a message for each chat stand in line."""
        self.tasks += [asyncio.create_task(self._send(chat)) for chat in chats]

    async def end(self) -> None:
        """Wait until all have passed, or were given up."""
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def early(self, distance_s: float, chat: str | None = None) -> list[int]:
        """Return which messages, of `chat` or of all, passed before their time."""
        at_s = [at_s for at_s, name in self.passed if chat in (None, name)]
        return passed_early(at_s, begun_at_s=self._begun_at_s, distance_s=distance_s)

    async def _send(self, chat: str) -> None:
        await self.turns.take(chat)
        self.passed.append((asyncio.get_running_loop().time(), chat))


@pytest.fixture
async def per_chat() -> Turns:
    return Turns(per_chat_s=20)


async def test_a_chat_gets_its_messages_at_a_distance_and_others_at_once(per_chat: Turns) -> None:
    """Twenty a second to one chat is one each 50 ms; the other chat waits for none of them."""
    per_chat.send("1", "1", "1", "1", "2")

    await per_chat.end()

    assert per_chat.early(0.05, "1") == []
    assert [chat for _, chat in per_chat.passed][:2] == ["1", "2"]


@pytest.mark.parametrize("chat", ["-1001", "@news"])
async def test_groups_have_a_limit_of_their_own(chat: str) -> None:
    """A group or channel gets so many a minute, a person as many as a chat may have."""
    turns = Turns(per_chat_s=1000, per_group_min=600)
    turns.send(chat, chat, "1", "1", chat)

    await turns.end()

    assert turns.early(0.1, chat) == []
    assert [name for _, name in turns.passed].index("1") <= 1


async def test_all_chats_together_have_a_limit() -> None:
    """Fifty a second in all, whoever they go to."""
    turns = Turns(per_s=50)
    turns.send(*(str(chat) for chat in range(6)))
    await turns.end()

    assert len(turns.passed) == 6
    assert turns.early(0.02) == []


async def test_zero_is_no_limit() -> None:
    """All go at once."""
    turns = Turns()
    turns.send(*["-1"] * 50)
    await turns.end()

    assert turns.turns.wait_s("-1") == 0


async def test_a_message_that_is_given_up_holds_nobody_up(per_chat: Turns) -> None:
    """Half of the line is cancelled: the rest moves up, in order, and the line ends empty."""
    per_chat.send(*["1"] * 20)
    await asyncio.sleep(0)
    assert per_chat.turns.wait_s("1") >= 19 * 0.05
    for task in per_chat.tasks[2:18]:
        task.cancel()

    await per_chat.end()

    assert len(per_chat.passed) == 4
    assert per_chat.turns.wait_s("1") <= 0.05


async def test_first_come_first_served(per_chat: Turns) -> None:
    """Nobody passes who came later, also when it comes just as a turn is free and nobody was told yet."""
    order: list[str] = []

    async def send(name: str) -> None:
        await per_chat.turns.take("1")
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("first", "second", "third"):
            group.create_task(send(name))
        await asyncio.sleep(0.01)
        time.sleep(0.06)  # noqa: ASYNC251 - a busy loop: the turn is free, and its timer has not been looked at
        group.create_task(send("newcomer"))

    assert order == ["first", "second", "third", "newcomer"]
