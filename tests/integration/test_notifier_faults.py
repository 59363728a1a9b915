"""The three outcomes: sent, not sent, unknown. For each fault of the Bot API: the reason, and what Telegram has."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import StartError
from services.notifier.service import notifier_service
from tests.fakes.clips import mp4_clip, padded
from tests.fakes.notifier_tools import TOKEN, Desk, open_desk, settings

MIB = 1024 * 1024


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


def _status(code: int, description: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": "status", "code": code, "description": description, **more}


CHAT_GONE = Reason.CHAT_UNAVAILABLE
UNKNOWN = Reason.DELIVERY_UNKNOWN
UNREACHABLE = Reason.TELEGRAM_UNREACHABLE

FAULTS = [
    ({"kind": "flood", "retry_after": 222}, Reason.TELEGRAM_FLOOD, 0),
    ({"kind": "flood", "retry_after": 5, "is_early": True}, Reason.TELEGRAM_FLOOD, 0),
    (_status(400, "Bad Request: chat not found"), CHAT_GONE, 0),
    (_status(400, "Bad Request: PEER_ID_INVALID"), CHAT_GONE, 0),
    (_status(400, "Bad Request: upgraded", parameters={"migrate_to_chat_id": -1002}), CHAT_GONE, 0),
    (_status(403, "Forbidden: bot was blocked by the user"), CHAT_GONE, 0),
    (_status(400, "Bad Request: wrong padding in the string"), Reason.TELEGRAM_REJECTED, 0),
    (_status(401, "Unauthorized"), Reason.TELEGRAM_REJECTED, 0),
    (_status(413, "Request Entity Too Large"), Reason.VIDEO_TOO_LARGE, 0),
    (_status(413, "Request Entity Too Large", is_early=True, is_html=True), Reason.VIDEO_TOO_LARGE, 0),
    (_status(500, "Internal Server Error"), UNKNOWN, 0),
    (_status(500, "Internal Server Error", accepts=True), UNKNOWN, 1),
    (_status(502, "Bad Gateway", is_html=True, accepts=True), UNKNOWN, 1),
    (_status(503, "Service Unavailable", is_early=True), UNREACHABLE, 0),
    (_status(200, "OK", is_html=True, accepts=True), UNKNOWN, 1),
    ({"kind": "reset_after_body"}, UNKNOWN, 1),
    ({"kind": "reset_mid_body", "after_bytes": MIB}, UNREACHABLE, 0),
    ({"kind": "reset_mid_body"}, UNREACHABLE, 0),
]


@pytest.mark.parametrize(("fault", "reason", "message_count"), FAULTS, ids=lambda value: str(value)[:60])
async def test_outcome_of_each_fault(desk: Desk, fault: dict[str, Any], reason: Reason, message_count: int) -> None:
    """Each fault has its reason, Telegram has what it has, and the next upload works."""
    desk.fault(**fault)
    clip = padded(mp4_clip(), 4 * MIB)

    with pytest.raises(ClipferryError) as caught:
        await desk.send(clip)

    assert reason is caught.value.reason
    assert message_count == len(desk.bot_api.messages)
    assert TOKEN not in caught.value.message
    await desk.send(mp4_clip())
    assert message_count + 1 == len(desk.bot_api.messages)
    assert desk.bot_api.faults.request_counts["sendVideo"] == 2


async def test_silence_after_the_whole_body_is_unknown() -> None:
    """Telegram may have sent what it does not answer: there is one message, and no second is sent."""
    async with open_desk(telegram_read_timeout_s=2.0) as desk:
        desk.fault("no_answer")

        with pytest.raises(ClipferryError) as caught:
            await desk.send(mp4_clip())

        assert caught.value.reason is UNKNOWN
        assert len(desk.bot_api.messages) == 1
        assert desk.bot_api.faults.request_counts["sendVideo"] == 1


async def test_flood_says_how_long_to_wait(desk: Desk) -> None:
    """The wait that Telegram asks for travels with the error."""
    desk.fault("flood", retry_after=222)

    with pytest.raises(ClipferryError) as caught:
        await desk.send(mp4_clip())

    assert caught.value.retry_after_s == 222


async def test_early_refusal_is_heard_while_the_processor_pauses(desk: Desk) -> None:
    """A 429 that comes before the body's end is told although no further part is written."""
    desk.fault("flood", retry_after=7, is_early=True)
    clip = padded(mp4_clip(), 4 * MIB)
    upload = await desk.start(clip)
    await upload.write_part(0)

    with pytest.raises(ClipferryError) as caught:
        await upload.outcome()

    assert caught.value.reason is Reason.TELEGRAM_FLOOD
    assert caught.value.retry_after_s == 7


async def test_moved_chat_is_named(desk: Desk) -> None:
    """When a group became a supergroup, the new id comes with the error."""
    desk.fault("status", code=400, description="Bad Request", parameters={"migrate_to_chat_id": -1002})

    with pytest.raises(ClipferryError) as caught:
        await desk.send(mp4_clip())

    assert caught.value.metadata["migrate_to_chat_id"] == "-1002"


async def test_token_in_an_answer_is_not_passed_on(desk: Desk) -> None:
    """Telegram's sentence is shown cut, without the bot's token."""
    desk.fault("status", code=400, description=f"Bad Request: /bot{TOKEN}/x " + "y" * 500)

    with pytest.raises(ClipferryError) as caught:
        await desk.send(mp4_clip())

    assert TOKEN.partition(":")[2] not in caught.value.message
    assert len(caught.value.message) < 300


async def test_slow_telegram_slows_the_sender(desk: Desk) -> None:
    """While Telegram reads slowly the notifier holds a window, not the file; in the end it all arrives."""
    desk.fault("slow", bytes_per_s=8 * MIB)
    clip = padded(mp4_clip(), 12 * MIB)

    await desk.send(clip)

    (message,) = desk.bot_api.messages
    assert message.file is not None
    assert clip == message.file.data


async def test_telegram_away_means_nothing_was_sent() -> None:
    """A refused connection is a definite no, and the notifier starts all the same, with one warning that says where."""
    port = _closed_port()
    with capture_logs() as lines:
        async with open_desk(telegram_api_base_url=f"http://127.0.0.1:{port}") as desk:
            starting = list(lines)
            with pytest.raises(ClipferryError) as caught:
                await desk.send(mp4_clip())
            with pytest.raises(ClipferryError) as caught_text:
                await desk.send_text("hello")

    (warning,) = [line for line in starting if line["log_level"] == "warning"]
    assert warning["address"] == f"127.0.0.1:{port}"
    assert warning["cause"] == "Connection refused"
    for error in (caught.value, caught_text.value):
        assert error.reason is UNREACHABLE
        assert error.metadata == {"address": f"127.0.0.1:{port}"}
        assert f"127.0.0.1:{port}, no connection could be made" in error.message


async def test_bad_token_is_told_at_start() -> None:
    """A token that Telegram does not know stops the start with one clear line."""
    async with open_desk() as desk:
        bad = settings(desk.bot_api.url, telegram_bot_token="123456789:AAH-another-token-altogether")
        with pytest.raises(StartError) as caught:
            async with notifier_service(bad):
                pass

    address = desk.bot_api.url.removeprefix("http://")
    assert str(caught.value) == f"Telegram does not accept TELEGRAM_BOT_TOKEN (asked at {address})."


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
