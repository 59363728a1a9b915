"""The three outcomes: sent, not sent, unknown. For each fault of the Bot API: the reason, and what Telegram has."""

import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import StartError
from services.notifier.service import notifier_service
from tests.fakes.clips import mp4_clip, padded
from tests.fakes.notifier_tools import TOKEN, Desk, open_desk, settings

MIB = 1024 * 1024
STALLING_BYTES = 24 * MIB
"""More than two sockets on loopback hold."""


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault, and what is made of it."""

    fault: Mapping[str, Any]
    reason: Reason
    count: int = 0
    """Messages that Telegram has of it."""
    says: str = ""
    """Part of the sentence."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the notifier: short only where the limit is what ends it."""


def _status(code: int, description: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": "status", "code": code, "description": description, **more}


def _refused(description: str, reason: Reason = Reason.CHAT_UNAVAILABLE, code: int = 400, **more: Any) -> Case:
    return Case(
        fault=_status(code, description, **more), reason=reason, says=description, metadata={"status": str(code)}
    )


UNKNOWN = Reason.DELIVERY_UNKNOWN
UNREACHABLE = Reason.TELEGRAM_UNREACHABLE
MAY_BE_THERE = "it may have been sent; check the chat before sending again"
ANSWERS_SOON: Mapping[str, Any] = {"telegram_read_timeout_s": 3, "telegram_min_bytes_per_s": 1_000_000_000}
SIZES = {"size_bytes": str(4 * MIB), "limit_bytes": "50000000"}

CASES = {
    "429": Case(
        fault={"kind": "flood", "retry_after": 222},
        reason=Reason.TELEGRAM_FLOOD,
        says="wait 222 s before the next message to this chat",
        metadata={"retry_after": "222"},
    ),
    "429 early": Case(
        fault={"kind": "flood", "retry_after": 5, "is_early": True},
        reason=Reason.TELEGRAM_FLOOD,
        says="wait 5 s",
        metadata={"retry_after": "5"},
    ),
    "429 in HTML": Case(
        fault=_status(429, "Too Many Requests", is_html=True),
        reason=Reason.TELEGRAM_FLOOD,
        says="wait 5 s",
        metadata={"retry_after": "5"},
    ),
    "chat not found": _refused("Bad Request: chat not found"),
    "peer invalid": _refused("Bad Request: PEER_ID_INVALID"),
    "topic missing": _refused("Bad Request: message thread not found"),
    "topic closed": _refused("Bad Request: TOPIC_CLOSED"),
    "not enough rights": _refused("Bad Request: not enough rights to send videos to the chat"),
    "no rights": _refused("Bad Request: have no rights to send a message"),
    "not admin": _refused("Bad Request: need administrator rights in the channel chat"),
    "videos forbidden": _refused("Bad Request: CHAT_SEND_VIDEOS_FORBIDDEN"),
    "deactivated group": _refused("Forbidden: the group chat was deleted", code=403),
    "blocked": _refused("Forbidden: bot was blocked by the user", code=403),
    "kicked": _refused("Forbidden: bot was kicked from the supergroup chat", code=403),
    "not a member": _refused("Forbidden: bot is not a member of the channel chat", code=403),
    "migrated": Case(
        fault=_status(400, "Bad Request: upgraded", parameters={"migrate_to_chat_id": -1002}),
        reason=Reason.CHAT_UNAVAILABLE,
        says="The chat has moved to -1002",
        metadata={"migrate_to_chat_id": "-1002"},
    ),
    "bad file": _refused("Bad Request: wrong file identifier/HTTP URL specified", Reason.TELEGRAM_REJECTED),
    "bad picture": _refused("Bad Request: PHOTO_INVALID_DIMENSIONS", Reason.TELEGRAM_REJECTED),
    "401": _refused("Unauthorized", Reason.TELEGRAM_REJECTED, 401),
    "404": _refused("Not Found", Reason.TELEGRAM_REJECTED, 404),
    "409": _refused("Conflict: terminated by other getUpdates request", Reason.TELEGRAM_REJECTED, 409),
    "403 of a proxy": Case(
        fault=_status(403, "Forbidden", is_html=True),
        reason=Reason.TELEGRAM_REJECTED,
        says="refused the message (HTTP status 403)",
        metadata={"status": "403"},
    ),
    "redirect": Case(
        fault={"kind": "redirect"},
        reason=Reason.TELEGRAM_REJECTED,
        says="TELEGRAM_API_BASE_URL must name where the Bot API itself answers",
        metadata={"status": "307"},
    ),
    "redirect early": Case(
        fault={"kind": "redirect", "is_early": True}, reason=Reason.TELEGRAM_REJECTED, metadata={"status": "307"}
    ),
    "413": Case(
        fault=_status(413, "Request Entity Too Large"),
        reason=Reason.VIDEO_TOO_LARGE,
        says="although TELEGRAM_LIMIT_BYTES is 50000000: Request Entity Too Large",
        metadata=SIZES,
    ),
    "413 early, in HTML": Case(
        fault=_status(413, "Request Entity Too Large", is_early=True, is_html=True),
        reason=Reason.VIDEO_TOO_LARGE,
        metadata=SIZES,
    ),
    "file is too big": Case(
        fault=_status(400, "Bad Request: file is too big"), reason=Reason.VIDEO_TOO_LARGE, metadata=SIZES
    ),
    "endless 400": Case(
        fault={"kind": "endless", "code": 400, "accepts": False},
        reason=Reason.TELEGRAM_REJECTED,
        count=1,  # the stand-in's doing: it accepts, then says that it did not
        says="(HTTP status 400)",
        metadata={"status": "400"},
    ),
    "500": Case(fault=_status(500, "Internal Server Error"), reason=UNKNOWN, says="HTTP status 500: it may"),
    "500, sent": Case(
        fault=_status(500, "Internal Server Error", accepts=True),
        reason=UNKNOWN,
        count=1,
        says=MAY_BE_THERE,
        metadata={"status": "500"},
    ),
    "502 in HTML": Case(
        fault=_status(502, "Bad Gateway", is_html=True, accepts=True),
        reason=UNKNOWN,
        count=1,
        says="HTTP status 502",
        metadata={"status": "502"},
    ),
    "504 in HTML": Case(
        fault=_status(504, "Gateway Time-out", is_html=True, accepts=True),
        reason=UNKNOWN,
        count=1,
        says="HTTP status 504",
        metadata={"status": "504"},
    ),
    "503 early": Case(
        fault=_status(503, "Service Unavailable", is_early=True), reason=UNREACHABLE, says="nothing was sent"
    ),
    "200 in HTML": Case(fault=_status(200, "OK", is_html=True, accepts=True), reason=UNKNOWN, count=1),
    "broken JSON": Case(fault={"kind": "garbage"}, reason=UNKNOWN, count=1, says=MAY_BE_THERE),
    "endless 200": Case(
        fault={"kind": "endless", "code": 200},
        reason=UNKNOWN,
        count=1,
        says="the answer was HTTP status 200: it may",
    ),
    "answer by drops": Case(
        fault={"kind": "drip"}, reason=UNKNOWN, count=1, says="there was no answer within", limits=ANSWERS_SOON
    ),
    "silence": Case(
        fault={"kind": "no_answer"}, reason=UNKNOWN, count=1, says="there was no answer within", limits=ANSWERS_SOON
    ),
    "reset after the body": Case(fault={"kind": "reset_after_body"}, reason=UNKNOWN, count=1, says=MAY_BE_THERE),
    "reset in the answer": Case(fault={"kind": "reset_in_answer"}, reason=UNKNOWN, count=1, says=MAY_BE_THERE),
    "reset in the body": Case(
        fault={"kind": "reset_mid_body", "after_bytes": MIB}, reason=UNREACHABLE, says="nothing was sent"
    ),
    "reset at the first byte": Case(fault={"kind": "reset_mid_body"}, reason=UNREACHABLE, says="nothing was sent"),
    "stops reading": Case(
        fault={"kind": "stall", "after_bytes": 65_536},
        reason=Reason.STALLED,
        says="took no byte for 1 s",
        metadata={"size_bytes": str(STALLING_BYTES), "limit_s": "1.0"},
        limits={"telegram_write_timeout_s": 1.0},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_outcome_of_each_fault(name: str) -> None:
    """Sent, not sent or unknown: each fault has its reason, its sentence and its numbers, and Telegram has what it has.

    Nothing of the token or of a page in front of Telegram is shown; nothing is tried twice; other chats go on at once.
    """
    case = CASES[name]
    size_bytes = int(case.metadata.get("size_bytes", 4 * MIB))
    async with open_desk(**case.limits) as desk:
        desk.fault(**case.fault)

        with pytest.raises(ClipferryError) as caught:
            await desk.send(padded(mp4_clip(), size_bytes))

        error = caught.value
        assert case.reason is error.reason
        assert case.says in error.message
        assert case.metadata.items() <= error.metadata.items()
        assert case.count == len(desk.bot_api.messages)
        assert TOKEN.partition(":")[2] not in f"{error.message}{error.metadata}"
        assert "<" not in error.message
        assert len(error.message) < 400
        await desk.send(mp4_clip(), destination="@news")
        assert case.count + 1 == len(desk.bot_api.messages)
        assert desk.bot_api.faults.request_counts["sendVideo"] == 2


def test_only_what_may_help_is_tried_again() -> None:
    """A job whose message was not sent gets another run, if waiting or trying can help; no other does."""
    retried = {name for name, case in CASES.items() if case.reason.retryable}

    assert retried == {
        "429",
        "429 early",
        "429 in HTML",
        "503 early",
        "reset in the body",
        "reset at the first byte",
        "stops reading",
    }


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
