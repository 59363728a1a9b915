"""Telegram's pace through the whole of clipferry: who was refused waits, nobody else does, and nobody asks twice."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.run.gateway import Gateway
from tests.fakes.eventually import eventually
from tests.processes.journey import journey
from tests.processes.stack import Stack, prepared_stack

FLOODED, OTHER, MOVED = "-1002", "1001", "-1003"


@pytest.fixture
def paced() -> Iterator[Stack]:
    """A stack whose notifier gives a wait back to the queue, and whose Bot API has three chats."""
    with prepared_stack() as stack:
        for name in stack.programs:
            chats = {"TELEGRAM_CHAT_ID": f"{FLOODED},{OTHER},{MOVED}"} if name == "botapi" else {}
            stack.start(name, FLOOD_WAIT_S="0.5", **chats)
        yield stack


async def _add_fault(stack: Stack, **fault: Any) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        added = await http.post(f"{stack.settings.bot_api_url}/sandbox/faults", json={"method": "sendVideo", **fault})
        added.raise_for_status()


async def _request_count(stack: Stack) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        seen = (await http.get(f"{stack.settings.bot_api_url}/sandbox/faults")).json()
    return int(seen["requests"].get("sendVideo", 0))


async def _ended(gateway: Gateway, job: dict[str, Any]) -> dict[str, Any]:
    await journey(gateway, job["id"])
    return await gateway.get(f"/api/jobs/{job['id']}")


async def test_a_refused_chat_waits_as_long_as_it_was_told_and_others_go_on(paced: Stack) -> None:
    """A 429 of 8 s for one chat: a second job to it does not ask before, another chat has its video meanwhile."""
    await paced.until_ready()
    await _add_fault(paced, kind="flood", retry_after=8, chat_id=FLOODED)
    begun_ms = time.time() * 1000
    async with paced.gateway() as gateway:
        first = await gateway.submit(paced.page("/media/clip.mp4"), destination=FLOODED)

        async def was_refused() -> bool:
            return await _request_count(paced) == 1

        await eventually(was_refused, what="the first is refused")
        second = await gateway.submit(paced.page("/pages/video"), destination=FLOODED)
        other = await gateway.submit(paced.page("/media/clip.mp4"), destination=OTHER)
        ended = [await _ended(gateway, job) for job in (other, first, second)]

    assert [job["status"] for job in ended] == ["completed"] * 3
    messages = await paced.messages()
    assert [str(message["chat_id"]) for message in messages] == [OTHER, FLOODED, FLOODED]
    assert messages[1]["received_at_ms"] - begun_ms > 7_950
    assert await _request_count(paced) == 4


async def test_a_chat_that_has_moved_gets_its_video(paced: Stack) -> None:
    """The group is a supergroup now: the job ends delivered, once, and names the chat where the message is."""
    await paced.until_ready()
    await _add_fault(paced, kind="status", code=400, chat_id=FLOODED, parameters={"migrate_to_chat_id": int(MOVED)})
    async with paced.gateway() as gateway:
        ended = await _ended(gateway, await gateway.submit(paced.page("/media/clip.mp4"), destination=FLOODED))

    assert ended["status"] == "completed", ended
    (message,) = await paced.messages()
    assert str(message["chat_id"]) == MOVED
    assert str(ended["result"]["telegramChatId"]) == MOVED
