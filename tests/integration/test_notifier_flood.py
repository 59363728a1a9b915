"""Telegram's pace as the processor sees it: a chat that was refused is left alone, others go on, waits are seen."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from services.chassis.errors import ClipferryError, Reason
from tests.fakes.clips import mp4_clip, padded
from tests.fakes.notifier_tools import Desk, open_desk
from tests.fakes.postgres import database_for

MIB = 1024 * 1024


async def _refused(desk: Desk, **changes: Any) -> ClipferryError:
    with pytest.raises(ClipferryError) as caught:
        await desk.send(mp4_clip(), **changes)
    return caught.value


async def test_a_refused_chat_is_not_asked_again_and_others_go_on() -> None:
    """After a 429 of 222 s the next job to the chat is told at once what is left of it; Telegram hears nothing."""
    async with open_desk() as desk:
        desk.fault("flood", retry_after=222, chat_id="-1001")
        first = await _refused(desk, destination="-1001")
        second = await _refused(desk, destination="-1001")
        with pytest.raises(ClipferryError) as text:
            await desk.send_text("hello", destination="-1001")
        await desk.send(mp4_clip(), destination="@news")

        assert (first.reason, first.retry_after_s) == (Reason.TELEGRAM_FLOOD, 222)
        for later in (second, text.value):
            assert later.reason is Reason.TELEGRAM_FLOOD
            assert later.retry_after_s is not None
            assert 215 <= later.retry_after_s <= 222
            assert "nothing was sent" in later.message
        assert dict(desk.bot_api.faults.request_counts) == {"getMe": 1, "sendVideo": 2}
        assert [message.chat_id for message in desk.bot_api.messages] == [desk.bot_api.messages[0].chat_id]


async def test_a_second_notifier_on_the_same_database_leaves_a_refused_chat_alone(tmp_path: Path) -> None:
    """`NOTIFIER_DATABASE_URL` makes one bot of them: what Telegram has told the first, the second need not hear."""
    url = SecretStr(database_for(tmp_path))
    async with open_desk(notifier_database_url=url) as first, open_desk(notifier_database_url=url) as second:
        first.fault("flood", retry_after=222, chat_id="-1001")
        await _refused(first, destination="-1001")

        told = await _refused(second, destination="-1001")
        await second.send(mp4_clip(), destination="@news")

        assert told.reason is Reason.TELEGRAM_FLOOD
        assert dict(second.bot_api.faults.request_counts) == {"getMe": 1, "sendVideo": 1}


async def test_a_short_wait_is_waited_and_seen() -> None:
    """A job that comes within a 429 of 3 s says that it waits, then goes, and not a moment too early."""
    async with open_desk() as desk:
        desk.fault("flood", retry_after=3)
        loop = asyncio.get_running_loop()
        # Not from when the refusal is heard, which a busy machine may put off.
        begun_at_s = loop.time()
        await _refused(desk)

        upload = await desk.start(mp4_clip())
        writing = asyncio.create_task(upload.write_whole())
        assert 0.5 < await upload.announced_wait() <= 3
        assert desk.bot_api.faults.request_counts["sendVideo"] == 1
        await upload.outcome()
        await writing

        assert loop.time() - begun_at_s > 2.95
        assert len(desk.bot_api.messages) == 1


async def test_a_wait_can_be_cancelled() -> None:
    """Telegram hears nothing of a job that was cancelled while it waited, and the next one is not held up by it."""
    async with open_desk(telegram_group_messages_per_min=3) as desk:
        await desk.send(mp4_clip(), destination="-1001")
        upload = await desk.start(padded(mp4_clip(), MIB), destination="-1001")
        assert 10 < await upload.announced_wait() <= 20

        upload.call.cancel()

        assert await upload.call.code() == grpc.StatusCode.CANCELLED
        await desk.send(mp4_clip(), destination="1000")
        assert desk.bot_api.faults.request_counts["sendVideo"] == 2


async def test_a_processor_that_waits_is_not_taken_for_a_stalled_one() -> None:
    """The wait for a turn is longer than UPLOAD_STALL_S, and longer than any limit of the line."""
    async with open_desk(
        telegram_group_messages_per_min=20, upload_stall_s=2, telegram_write_timeout_s=2, telegram_read_timeout_s=2
    ) as desk:
        begun_ms = time.time() * 1000
        clips = (mp4_clip(), padded(mp4_clip(), MIB))
        await asyncio.gather(*(desk.send(clip, destination="-1001") for clip in clips))

        _, second = desk.bot_api.messages
        assert second.received_at_ms - begun_ms > 2_950


async def test_limits_are_kept_across_kinds_of_messages() -> None:
    """A text counts as a video does."""
    async with open_desk(telegram_chat_messages_per_s=2) as desk:
        begun_ms = time.time() * 1000
        await asyncio.gather(desk.send(mp4_clip()), desk.send_text("a"), desk.send_text("b"))

        # Not from the first one's arrival, which a busy machine may put off: it had its turn at once.
        assert desk.bot_api.messages[-1].received_at_ms - begun_ms > 950


async def test_a_moved_chat_is_found_by_the_next_message() -> None:
    """Once a group has become a supergroup, what is sent to its old id goes to the new one at once."""
    async with open_desk() as desk:
        desk.fault("status", code=400, chat_id="1000", parameters={"migrate_to_chat_id": -1001})
        moved = await _refused(desk)

        outcome = await desk.send(mp4_clip())

        assert moved.metadata == {"migrate_to_chat_id": "-1001"}
        assert outcome.delivery.chat_id == -1001
        assert desk.bot_api.faults.request_counts["sendVideo"] == 2


async def test_a_text_follows_its_chat() -> None:
    """A text is still at hand when its chat has moved: it goes once more, and the answer names the new chat."""
    async with open_desk() as desk:
        desk.fault("status", method="sendMessage", code=400, chat_id="1000", parameters={"migrate_to_chat_id": -1001})

        sent = await desk.send_text("hello", idempotency_key="k")
        again = await desk.send_text("hello", idempotency_key="k")

        assert (sent.chat_id, again.replayed) == (-1001, True)
        assert len(desk.bot_api.messages) == 1


async def test_a_chat_that_moves_in_circles_is_given_up() -> None:
    """Once more, not for ever."""
    async with open_desk() as desk:
        desk.fault("status", method="sendMessage", code=400, times=9, parameters={"migrate_to_chat_id": -1001})

        with pytest.raises(ClipferryError) as caught:
            await desk.send_text("hello")

        assert caught.value.reason is Reason.CHAT_UNAVAILABLE
        assert desk.bot_api.faults.request_counts["sendMessage"] == 2
