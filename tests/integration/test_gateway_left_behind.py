"""A connection that has gone leaves nothing behind: the garbage collector, which runs seldom, is not needed for it."""

import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.http_protocol import HttpProtocol
from gateway.live.connection import Connection
from gateway.live.handshake import Handshake
from gateway.live.socket import SharedFrameProtocol
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import queue_and_gateway

KINDS = (Connection, SharedFrameProtocol, Handshake)


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def count_of(kind: type) -> int:
    return sum(type(each).__mro__.count(kind) for each in gc.get_objects())


@pytest.mark.usefixtures("uncollected")
async def test_live_connections_are_freed_as_they_go(tmp_path: Path) -> None:
    """Those that were let in, with what they listened to; and those that were sent away before."""
    before = [count_of(kind) for kind in KINDS]
    async with queue_and_gateway(tmp_path) as (_, admin):
        async with AsyncExitStack() as stack:
            for _ in range(5):
                await stack.enter_async_context(admin.socket("jobs", "queue"))
            async with admin.socket(hello=False) as socket:
                await socket.say(type="hello", token="none")
                await socket.closed()
            assert count_of(Connection) >= before[0] + 5

        async def nothing_is_left() -> bool:
            return [count_of(kind) for kind in KINDS] == before

        await eventually(nothing_is_left, within_s=30, what="nothing of them is left")
        # One connection of HTTP is the test's own, which is kept open.
        assert count_of(HttpProtocol) <= 1
