"""Pings between services: a quiet connection stays, however long it is quiet."""

from pathlib import Path
from typing import Any

import pytest
from grpc._cython import cygrpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis import channel
from services.chassis.channel import CHANNEL_OPTIONS, open_link
from services.chassis.server import SERVER_OPTIONS, serving
from tests.fakes.eventually import eventually
from tests.fakes.unreliable_proxy import unreliable_proxy

KEEPALIVE_S = 1.0
"""The core asks no oftener."""
PING_COUNT = 6
"""Twice as many as a server bears that takes them for an attack."""


async def test_a_connection_outlives_any_number_of_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open stream on which nothing is said is asked about again and again, and neither side hangs up."""
    monkeypatch.setattr(channel, "_ANSWER_SHARE", 20)  # that this process stands still for a moment is no answer
    async with (
        serving([], address="127.0.0.1:0", drain_s=0) as port,
        unreliable_proxy(port) as proxy,
        open_link(f"127.0.0.1:{proxy.port}", keepalive_s=KEEPALIVE_S) as link,
    ):
        watch = health_pb2_grpc.HealthStub(link.channel).Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        await watch.read()
        before_count = proxy.sent_count

        async def has_pinged_or_left() -> Any:
            return proxy.sent_count >= before_count + PING_COUNT or proxy.connection_count > 1 or watch.done()

        await eventually(has_pinged_or_left, within_s=30, what="pings")
        assert not watch.done(), await watch.code()
        assert proxy.connection_count == 1
        watch.cancel()


def test_every_option_has_a_name_that_the_core_knows() -> None:
    """It says nothing of one that it does not know, and goes by its default."""
    known = Path(cygrpc.__file__).read_bytes()
    names = [name for name, _ in (*SERVER_OPTIONS, *CHANNEL_OPTIONS)]
    unknown = [name for name in names if name.encode() + b"\0" not in known]

    assert unknown == []
