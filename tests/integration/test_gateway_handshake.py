"""Who may come in at /ws, and with which code the others are sent away."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.fakes.clock import FakeClock
from tests.fakes.gateway_client import GatewayClient, gateway_at_hand


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[GatewayClient]:
    async with gateway_at_hand(tmp_path, allowed_origins="chrome-extension://abcdef") as client:
        yield client


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("no json", 4400),
        ("[1]", 4400),
        (b"bytes", 4400),
        ('{"type": "hello", "token": "a.b.c"}', 4401),
        ('{"type": "hello"}', 4401),
        ('{"type": "hello", "token": 5}', 4400),
        ('{"type": "hello", "token": "a.b.c", "protocol": "1"}', 4400),
        ('{"type": "subscribe", "channel": "jobs"}', 4401),
        ('{"type": "hello", "token": "' + "a" * 70_000 + '"}', 1009),
    ],
)
async def test_a_bad_first_message_ends_the_connection(admin: GatewayClient, first: str | bytes, code: int) -> None:
    async with admin.socket(hello=False) as socket:
        await socket.connection.send(first)
        assert await socket.closed() == code


async def test_silence_ends_the_connection(tmp_path: Path) -> None:
    async with (
        gateway_at_hand(tmp_path, websocket_hello_timeout_s=0.1) as admin,
        admin.socket(hello=False) as socket,
    ):
        assert await socket.closed() == 4408


async def test_an_expired_token_says_refresh(tmp_path: Path) -> None:
    clock = FakeClock()
    async with gateway_at_hand(tmp_path, clock=clock, access_token_ttl_s=60) as admin:
        clock.advance(61)
        async with admin.socket(hello=False) as socket:
            await socket.say(type="hello", token=admin.token)
            assert await socket.closed() == 4010


async def test_a_connection_ends_with_its_token_unless_it_gets_a_new_one(tmp_path: Path) -> None:
    clock = FakeClock()
    intervals = {"access_token_ttl_s": 60, "websocket_ping_interval": 100, "websocket_ping_timeout_s": 60}
    async with gateway_at_hand(tmp_path, clock=clock, **intervals) as admin:
        kept_block, left_block = admin.socket(), admin.socket()
        async with kept_block as kept, left_block as left:
            clock.advance(50)
            fresh = await admin.http.post("/api/auth/refresh", json={"refreshToken": admin.refresh_token})
            await kept.say(type="token:refresh", token=fresh.json()["accessToken"])
            await kept.hear("token:refreshed")
            clock.advance(11)
            await left.say(type="pong")
            await kept.hear("ping")
            assert await left.closed() == 4010
            await kept.say(type="ping")
            await kept.hear("pong")


async def test_another_users_token_does_not_take_over(admin: GatewayClient) -> None:
    ann = await admin.invite("ann")
    async with admin.socket() as socket:
        await socket.say(type="token:refresh", token=ann.token)
        assert await socket.closed() == 4401


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "dance"},
        {"type": "subscribe"},
        {"type": "subscribe", "channel": "everything"},
        {"type": "subscribe", "channel": "job:1"},
        {"type": "subscribe", "channel": "jobs", "cursor": -1},
        {"type": "subscribe", "channel": "jobs", "cursor": "x"},
        {"type": "subscribe", "channel": "jobs", "cursor": 2**70},
        {"type": "subscribe", "channel": 5},
        {"type": 5},
        {"type": "subscribeToJob"},
        {"type": "subscribeToEverything"},
    ],
    ids=str,
)
async def test_a_bad_command_is_refused_and_the_connection_goes_on(admin: GatewayClient, wrong: dict[str, Any]) -> None:
    async with admin.socket() as socket:
        await socket.say_wrong(id=7, **wrong)
        refused = await socket.hear("error")
        await socket.say(type="ping", id=1)
        await socket.hear("pong")

    assert (refused["code"], refused["temporary"], refused["id"]) == ("FIELD_INVALID", False, 7)


async def test_a_refused_field_is_named_with_its_value_and_what_it_may_be(admin: GatewayClient) -> None:
    """A number that the queue could not hold is a mistake like any other, and the connection goes on."""
    async with admin.socket() as socket:
        await socket.say_wrong(type="subscribe", id="a", channel="jobs", cursor=2**70)
        too_large = await socket.hear("error")
        await socket.say_wrong(type="subscribe", id={}, channel="jobs")
        without_id = await socket.hear("error")

    assert too_large["message"] == f"cursor must be 0 to {2**63 - 1}, not {2**70}."
    assert too_large["id"] == "a"
    assert without_id["message"] == (
        "id must be text of at most 128 characters or a whole number from -9007199254740991 to 9007199254740991,"
        " not an object."
    )
    assert without_id["id"] is None


async def test_a_field_that_is_given_twice_is_refused(admin: GatewayClient) -> None:
    """It could mean either; of a hello, nobody is let in by one token while something else reads the other."""
    async with admin.socket() as socket:
        for said in ('"channel": "jobs", "channel": "queue"', '"channel": 7, "channel": "jobs"'):
            await socket.connection.send(f'{{"type": "subscribe", "id": 1, {said}}}')
            refused = await socket.hear("error")
            assert (refused["id"], refused["code"]) == (1, "FIELD_INVALID")
            assert refused["message"] == "channel is given twice."
    async with admin.socket(hello=False) as socket:
        await socket.connection.send(f'{{"type": "hello", "token": "x", "token": "{admin.token}"}}')
        assert await socket.closed() == 4400


async def test_a_refused_hello_is_told_by_its_id(admin: GatewayClient) -> None:
    async with admin.socket(hello=False) as socket:
        await socket.say(type="hello", id="first", token="a.b.c")
        assert (await socket.hear("error"))["id"] == "first"


async def test_a_frame_nested_too_deeply_is_malformed(admin: GatewayClient) -> None:
    async with admin.socket() as socket:
        await socket.connection.send('{"type": "ping", "x": ' + "[" * 3_000 + "]" * 3_000 + "}")
        assert await socket.closed() == 4400


async def test_too_many_commands_end_the_connection(admin: GatewayClient) -> None:
    async with admin.socket() as socket:
        for _ in range(150):
            await socket.say(type="pong")
        assert await socket.closed() == 4029


@pytest.mark.parametrize("origin", ["https://evil.test", "chrome-extension://abcdefg", "null"])
async def test_pages_of_others_are_kept_out(
    admin: GatewayClient, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    """That is no fault of ours: nothing is logged as one."""
    with pytest.raises(InvalidStatus) as refused:
        async with admin.socket(origin=origin):
            pytest.fail("it came in")

    assert refused.value.response.status_code == 403
    assert b"PERMISSION_DENIED" in (refused.value.response.body or b"")
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_our_own_pages_and_allowed_ones_come_in(admin: GatewayClient) -> None:
    for origin in (f"http://127.0.0.1:{admin.port}", "chrome-extension://abcdef"):
        async with admin.socket(origin=origin):
            pass


async def test_another_subprotocol_is_told_so(admin: GatewayClient) -> None:
    async with admin.socket(hello=False, subprotocols=["clipferry.v9"]) as socket:
        assert await socket.closed() == 4406


async def test_switched_off_is_said_at_the_door(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path, websocket_enabled=False) as admin:
        with pytest.raises(InvalidStatus) as refused:
            async with admin.socket():
                pytest.fail("it came in")

    assert refused.value.response.status_code == 503
    assert b"WEBSOCKET_ENABLED" in (refused.value.response.body or b"")
