"""SendText as a service sees it."""

from collections.abc import AsyncIterator

import pytest

from sandbox.botapi.faults import Fault
from services.chassis.errors import ClipferryError, Reason
from tests.fakes.notifier_tools import CHAT, Desk, open_desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_text_arrives_as_it_is(desk: Desk) -> None:
    """Markup characters are text: no parse mode is used."""
    answer = await desk.send_text("_*[]` <b> & 🎬", destination="-1001", thread_id=5)

    (message,) = desk.bot_api.messages
    assert (answer.chat_id, answer.message_id, answer.replayed) == (-1001, message.message_id, False)
    assert message.fields == {"chat_id": "-1001", "text": "_*[]` <b> & 🎬", "message_thread_id": "5"}


async def test_default_chat(desk: Desk) -> None:
    """Without a destination the text goes to TELEGRAM_CHAT_ID."""
    await desk.send_text("hello")

    (message,) = desk.bot_api.messages
    assert message.chat_id == int(CHAT)


async def test_no_chat_at_all() -> None:
    """Without a destination and without a default chat the text is refused."""
    async with open_desk(telegram_chat_id="") as desk:
        with pytest.raises(ClipferryError, match="TELEGRAM_CHAT_ID"):
            await desk.send_text("hello")


@pytest.mark.parametrize("text", ["", " \n", "🎬" * 2048 + "a"])
async def test_bad_text_is_refused_before_it_is_sent(desk: Desk, text: str) -> None:
    """1 to 4,096 UTF-16 units."""
    with pytest.raises(ClipferryError) as caught:
        await desk.send_text(text)

    assert caught.value.reason is Reason.FIELD_INVALID
    assert desk.bot_api.faults.request_counts["sendMessage"] == 0


async def test_longest_text(desk: Desk) -> None:
    """4,096 UTF-16 units arrive."""
    await desk.send_text("🎬" * 2048)

    assert len(desk.bot_api.messages) == 1


async def test_repeat_is_sent_once(desk: Desk) -> None:
    """The same key returns the first message; without a key each call sends."""
    first = await desk.send_text("hello", idempotency_key="k")
    second = await desk.send_text("hello", idempotency_key="k")
    await desk.send_text("hello")
    await desk.send_text("hello")

    assert (first.message_id, True) == (second.message_id, second.replayed)
    assert len(desk.bot_api.messages) == 3


async def test_silence_after_a_text_is_unknown() -> None:
    """When the answer does not come the text may be there: it is not sent again by itself."""
    async with open_desk(telegram_read_timeout_s=2) as desk:
        desk.bot_api.faults.add(Fault(kind="no_answer", method="sendMessage"))

        with pytest.raises(ClipferryError) as caught:
            await desk.send_text("hello")

        assert caught.value.reason is Reason.DELIVERY_UNKNOWN
        assert len(desk.bot_api.messages) == 1
