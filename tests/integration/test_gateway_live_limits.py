"""How many live connections there may be, what each may do, and who is sent away."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from services.queue.service import queue_service
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, Socket, gateway_at_hand
from tests.fakes.queue_client import settings_for
from tests.fakes.raw_socket import raw_socket


async def refused_at_the_door(admin: GatewayClient) -> str:
    """Return what a handshake is refused with, which is a 503 with a time to come back."""
    with pytest.raises(InvalidStatus) as refused:
        async with admin.socket(hello=False):
            pytest.fail("it came in")
    response = refused.value.response
    assert response.status_code == 503
    assert 5 <= int(response.headers["Retry-After"]) <= 30
    return (response.body or b"").decode()


@pytest.mark.parametrize(
    ("setting", "hello", "what"),
    [
        ("websocket_connections", True, "2 live connections, and there are"),
        ("websocket_connections_per_address", True, "2 live connections from one address"),
        ("websocket_waiting_per_address", False, "2 connections from one address without a hello"),
    ],
)
async def test_one_too_many_is_told_to_come_back_later(tmp_path: Path, setting: str, hello: bool, what: str) -> None:
    limit: dict[str, Any] = {setting: 2}
    async with gateway_at_hand(tmp_path, **limit) as admin:
        async with admin.socket(hello=hello), admin.socket(hello=hello):
            assert what in await refused_at_the_door(admin)

        async def comes_in() -> bool:
            try:
                async with admin.socket():
                    return True
            except InvalidStatus:
                return False

        await eventually(comes_in, what="there is room again")


async def test_those_who_said_hello_take_no_room_of_those_who_wait(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path, websocket_waiting_per_address=1) as admin, AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(admin.socket())


async def test_a_users_oldest_connection_makes_room_for_the_newest(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path, websocket_connections_per_user=2) as admin:
        ann = await admin.invite("ann")
        async with ann.socket() as first, admin.socket() as other, ann.socket() as second, ann.socket() as third:
            assert await first.closed() == 4409
            for socket in (other, second, third):
                await socket.say(type="ping")
                await socket.hear("pong")


async def test_one_subscription_too_many_is_refused_with_the_limit(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path, websocket_subscriptions=2) as admin, admin.socket("queue", "memory") as socket:
        await socket.say(type="subscribe", channel="jobs")
        assert "2 subscriptions" in (await socket.hear("error"))["message"]
        await socket.say(type="unsubscribe", channel="queue")
        await socket.say(type="subscribe", channel="jobs")
        await socket.hear("subscribed")


async def test_commands_beyond_the_rate_end_the_connection(tmp_path: Path) -> None:
    """A hundred at once, then one each second, by the clock in the test's hand."""
    clock = FakeClock()
    async with (
        gateway_at_hand(tmp_path, clock=clock, websocket_commands_per_minute=60) as admin,
        admin.socket() as socket,
    ):
        for number in range(100):
            await socket.say(type="ping", id=number)
        while (await socket.hear("pong"))["id"] != 99:
            pass
        clock.advance(1)
        await socket.say(type="ping", id="in time")
        await socket.hear("pong")
        await socket.say(type="ping")
        assert await socket.closed() == 4029


async def test_who_does_not_answer_a_ping_is_let_go_with_its_subscriptions(tmp_path: Path) -> None:
    intervals: dict[str, Any] = {"websocket_ping_interval": 100, "websocket_ping_timeout_s": 0.2}
    async with gateway_at_hand(tmp_path, **intervals) as admin, raw_socket(admin.port) as silent:
        await silent.say(f'{{"type": "hello", "token": "{admin.token}"}}', '{"type": "subscribe", "channel": "queue"}')

        async def is_gone() -> bool:
            stats = await admin.get("/api/websocket/stats")
            return bool(stats["totalConnections"] == 1 and stats["connectedClients"] == 0)

        await eventually(is_gone)
        assert (await admin.get("/api/websocket/stats"))["queueSubscriptions"] == 0
        await silent.read_to_end()
        assert silent.close_code == 4002


async def test_a_frame_pong_is_answer_enough(tmp_path: Path) -> None:
    """Every WebSocket library sends it by itself: this client never says anything."""
    intervals: dict[str, Any] = {"websocket_ping_interval": 200, "websocket_ping_timeout_s": 2}
    async with gateway_at_hand(tmp_path, **intervals) as admin, admin.socket() as socket:
        for _ in range(15):
            await socket.hear("ping")


async def test_an_ended_session_is_cut_at_once_and_others_stay(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path) as admin:
        ann = await admin.invite("ann")
        async with ann.socket("jobs") as cut, admin.socket() as kept:
            await ann.request("POST", "/api/auth/logout")
            assert await cut.closed() == 4403
            await kept.say(type="ping")
            await kept.hear("pong")
        async with ann.socket(hello=False) as again:
            await again.say(type="hello", token=ann.token)
            assert await again.closed() == 4401


async def test_everybody_is_told_when_the_queue_goes_and_comes(tmp_path: Path) -> None:
    """Also what could not be had meanwhile is sent then, by itself."""
    async with AsyncExitStack() as first_queue:
        port = await first_queue.enter_async_context(queue_service(settings_for(tmp_path, drain_s=0)))
        async with gateway_at_hand(tmp_path, port) as admin, admin.socket("jobs") as socket:
            job = await admin.submit()
            await first_queue.aclose()
            assert (await socket.hear("queue:health"))["reachable"] is False
            async with admin.socket(hello=False) as late:
                await late.say(type="hello", token=admin.token)
                assert (await late.hear("welcome"))["queueReachable"] is False
                await late.say(type="subscribe", channel="jobs")
                assert (await late.hear("subscribed"))["snapshot"] is None
                async with queue_service(settings_for(tmp_path, listen_address=f"127.0.0.1:{port}", drain_s=0)):
                    assert (await socket.hear("queue:health"))["reachable"] is True
                    assert await _jobs_of(late) == [job["id"]]


async def _jobs_of(socket: Socket) -> list[str]:
    async with asyncio.timeout(30):
        while (snapshot := (await socket.hear("subscribed"))["snapshot"]) is None:
            pass
    return [job["id"] for job in snapshot["jobs"]]
