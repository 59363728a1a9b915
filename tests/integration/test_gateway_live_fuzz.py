"""Whatever a client says over /ws, it gets an answer or a close code, and nobody else notices."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.live import closing
from gateway.live.commands import FORMS
from tests.fakes.gateway_client import GatewayClient, gateway_at_hand
from tests.fakes.raw_socket import raw_socket
from tests.fakes.spoken import check_spoken

DOCUMENTED = {code for code in vars(closing).values() if isinstance(code, int)}

LOST = 1006

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.fixed_dictionaries(
    {"type": st.sampled_from([*FORMS, "dance", 5, None])},
    optional={
        "id": json_values | st.integers(-(2**70), 2**70),
        "token": json_values | st.just("a.b.c"),
        "protocol": json_values | st.just(1),
        "channel": json_values | st.sampled_from(["jobs", "queue", "memory", "job:1", "job:" + "0" * 36]),
        "cursor": json_values | st.integers(-1, 2**64),
        "jobId": json_values,
    },
)
messages: st.SearchStrategy[str | bytes | list[str]] = st.one_of(
    fields.map(json.dumps),
    json_values.map(json.dumps),
    st.text(max_size=50),
    st.binary(max_size=50),
    st.sampled_from(
        [
            '{"type": "ping", "id": "\\ud800"}',
            '{"type": "ping", "x": ' + "[" * 5_000 + "]" * 5_000 + "}",
            '{"type": "ping", "x": ' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "}",
            '{"type": "subscribe", "channel": "jobs", "cursor": ' + "9" * 5_000 + "}",
            '{"type": "ping", "id": 1e999}',
            '{"type": "ping", "id": "' + "a" * 65_600 + '"}',
            " " * 65_537,
            "",
        ]
    ),
    st.lists(st.sampled_from(['{"type":', ' "ping"', "}", "", "x"]), min_size=1, max_size=6),
)


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[GatewayClient]:
    """A gateway that is not in the way of a thousand tries."""
    folder.mkdir()
    async with gateway_at_hand(folder, websocket_commands_per_minute=1_000_000) as admin:
        yield admin


async def outcome(admin: GatewayClient, said: Sequence[str | bytes | list[str]], *, hello: bool) -> int | None:
    """Say everything on a new connection; returns the code it was closed with, None if it still answers."""
    address = f"ws://127.0.0.1:{admin.port}/ws"
    async with connect(address, subprotocols=[Subprotocol("clipferry.v1")], proxy=None) as connection:
        try:
            if hello:
                await connection.send(json.dumps({"type": "hello", "token": admin.token}))
            for message in said:
                await connection.send(message)
            await connection.send('{"type": "ping", "id": "the end"}')
            async with asyncio.timeout(30):
                while (heard := json.loads(await connection.recv())).get("id") != "the end":
                    check_spoken(heard)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else LOST
    return None


def test_no_message_does_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with asyncio.Runner() as runner:
        opened = gateway(tmp_path / "gateway")
        admin = runner.run(opened.__aenter__())
        watching: Any = admin.socket("queue")
        other = runner.run(watching.__aenter__())

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(said=st.lists(messages, min_size=1, max_size=4), hello=st.booleans())
        def try_them(said: list[str | bytes | list[str]], hello: bool) -> None:
            code = runner.run(outcome(admin, said, hello=hello))
            assert code is None or code in DOCUMENTED, code
            assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []

        try:
            try_them()
            runner.run(other.say(type="ping"))
            runner.run(other.hear("pong"))
        finally:
            runner.run(watching.__aexit__(None, None, None))
            runner.run(opened.__aexit__(None, None, None))


BROKEN: Mapping[bytes, int] = {
    b"\x81\x82\x00\x00\x00\x00\xff\xfe": closing.NOT_TEXT,
    b"\x01\x81\x00\x00\x00\x00a" + b"\x00\x80\x00\x00\x00\x00" * 2_000: closing.TOO_BIG,  # fragments without end
    b"\x81\xff" + b"\xff" * 8 + b"\x00" * 4: closing.TOO_BIG,  # a length of 64 bits
    b"\x01\xfe\xff\xff" + b"\x00" * 4 + b"a" * 65_535 + b"\x80\x82" + b"\x00" * 4 + b"aa": closing.TOO_BIG,
    b"\x81\x02hi": closing.NO_WEBSOCKET,  # without a mask
    b"\xff\x80\x00\x00\x00\x00": closing.NO_WEBSOCKET,  # reserved bits
    b"\x80\x80\x00\x00\x00\x00": closing.NO_WEBSOCKET,  # goes on with what was not begun
    b"\x89\xfe\x00\x7e" + b"\x00" * 4 + b"a" * 126: closing.NO_WEBSOCKET,  # a ping that is too long
    b"\x88\x81\x00\x00\x00\x00a": closing.NO_WEBSOCKET,  # half a close code
}


async def test_frames_that_are_none_end_the_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with gateway_at_hand(tmp_path) as admin, admin.socket() as other:
        for data, code in BROKEN.items():
            async with raw_socket(admin.port) as client:
                await client.say(json.dumps({"type": "hello", "token": admin.token}))
                await client.say_bytes(data)
                await client.read_to_end()
                assert client.close_code == code, data[:20]
        await other.say(type="ping")
        await other.hear("pong")

    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
