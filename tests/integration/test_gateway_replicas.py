"""Two gateways on one PostgreSQL: whatever is ended at one is over at the other, at once."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
import pytest_asyncio

from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient, assert_problem, gateway_at_hand
from tests.fakes.postgres import Server, database_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Pair(NamedTuple):
    """Two gateways, seen by their admin."""

    one: GatewayClient
    two: GatewayClient
    url: str
    """Of their store."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Nobody looks by himself within a test: what is heard of was told by the bell."""
    folder = tmp_path_factory.mktemp("gateways")
    url = database_for(folder)
    told: dict[str, Any] = {"gateway_database_url": url, "store_poll_s": 60, "sign_ins_per_min": 0}
    async with gateway_at_hand(folder, **told) as one, gateway_at_hand(folder, **told) as two:
        await eventually(lambda: hears(one, two), what="the second gateway hears the first")
        await eventually(lambda: hears(two, one), what="the first gateway hears the second")
        yield Pair(one, two, url)


async def hears(here: GatewayClient, there: GatewayClient) -> bool:
    """Return whether a session that ends here loses its socket there."""
    guest = await here.invite("guest")
    async with at(there, guest).socket() as socket:
        await guest.request("POST", "/api/auth/logout")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await socket.connection.wait_closed()
        return socket.connection.close_code == 4403


def at(replica: GatewayClient, client: GatewayClient) -> GatewayClient:
    """Return `client`, whose next requests go to another replica."""
    return GatewayClient(replica.http, replica.port, client.token, client.refresh_token)


async def test_any_request_at_any_of_them(pair: Pair) -> None:
    """Codes, keys, refresh tokens, sessions and users of one are those of the other."""
    one, two, _ = pair
    await one.add_user("ann")
    paired = await one.request("POST", "/api/auth/pair", json={"user": "ann"})
    ann = await two.sign_in(pairingCode=paired.json()["pairingCode"])
    made = (await two.request("POST", "/api/auth/keys", json={"user": "ann"})).json()

    await GatewayClient(one.http, one.port, made["apiKey"]).get("/api/auth/sessions")
    assert len((await at(one, ann).get("/api/auth/sessions"))["sessions"]) == 1
    first = (await one.http.post("/api/auth/refresh", json={"refreshToken": ann.refresh_token})).json()
    second = (await two.http.post("/api/auth/refresh", json={"refreshToken": ann.refresh_token})).json()
    assert first["refreshToken"] == second["refreshToken"]
    again = await two.http.post("/api/auth/token", json={"pairingCode": paired.json()["pairingCode"]})
    assert again.status_code == 401


async def test_a_session_that_ends_at_one_is_over_at_the_other(pair: Pair) -> None:
    """Its socket first, which nobody asked anything, and then its token, which had been seen there."""
    one, two, _ = pair
    bob = await one.invite("bob")
    there = at(two, bob)
    await there.get("/api/auth/sessions")
    async with there.socket() as socket:
        assert (await bob.request("POST", "/api/auth/logout")).status_code == 204
        assert await socket.closed() == 4403
    assert_problem(await there.request("GET", "/api/auth/sessions"), 401, "UNAUTHENTICATED")


async def test_who_is_shut_out_at_one_is_out_at_the_other(pair: Pair) -> None:
    one, two, _ = pair
    await one.add_user("eve")
    made = (await one.request("POST", "/api/auth/keys", json={"user": "eve"})).json()
    eve = GatewayClient(two.http, two.port, made["apiKey"])
    async with eve.socket() as socket:
        await one.request("PATCH", "/api/admin/users/eve", json={"enabled": False})
        assert await socket.closed() == 4403
    assert_problem(await eve.request("GET", "/api/auth/sessions"), 401, "UNAUTHENTICATED")


async def test_a_change_of_chats_is_known_at_the_other(pair: Pair) -> None:
    one, two, _ = pair
    dan = at(two, await one.invite("dan"))
    job = {"url": "https://video.test/1", "destination": "-42"}
    assert_problem(await dan.request("POST", "/api/jobs", json=job), 403, "PERMISSION_DENIED")

    await one.request("PATCH", "/api/admin/users/dan", json={"chats": ["-42"]})

    async def is_known() -> bool:
        said = (await dan.request("POST", "/api/jobs", json=job)).json()
        return bool(said["code"] == "UNAVAILABLE")  # there is no queue

    await eventually(is_known, what="the other gateway knows the new chats")


async def test_tries_count_at_both_together(tmp_path: Path) -> None:
    told: dict[str, Any] = {"gateway_database_url": database_for(tmp_path), "sign_ins_per_min": 5}
    async with gateway_at_hand(tmp_path, **told) as one, gateway_at_hand(tmp_path, **told) as two:
        statuses = [
            (await each.http.post("/api/auth/token", json={"apiKey": "x"})).status_code for each in (one, two, one, two)
        ]

    assert statuses == [401, 401, 401, 429]  # the two that signed in to begin with count, too


async def test_keys_are_changed_without_a_restart(pair: Pair) -> None:
    """By the command: tokens of the old key stay good, new ones are of the new one, at both."""
    one, two, url = pair
    old = jwt.get_unverified_header(one.token)["kid"]
    command = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "rotate-keys",
        env={"GATEWAY_DATABASE_URL": url, "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await command.communicate()
    assert command.returncode == 0
    new = said.decode().split("new key ")[1].split(";")[0]

    async def both_sign_with_it() -> bool:
        tokens = [(await each.sign_in(apiKey=ADMIN_KEY)).token for each in (one, two)]
        return {jwt.get_unverified_header(token)["kid"] for token in tokens} == {new}

    assert new != old
    await eventually(both_sign_with_it, what="both gateways sign with the new key")
    for here, there in ((one, two), (two, one)):
        await at(there, here).get("/api/auth/sessions")
        await at(there, await here.sign_in(apiKey=ADMIN_KEY)).get("/api/auth/sessions")


async def test_the_store_goes_away_and_comes_back(tmp_path: Path) -> None:
    """Whoever was seen before goes on; others are told to come back; and then everything works again, with the bell."""
    server = Server(tmp_path / "pg")
    url = server.create("gateway")
    try:
        async with gateway_at_hand(tmp_path, gateway_database_url=url, store_poll_s=0.1) as admin:
            new = await admin.sign_in(apiKey=ADMIN_KEY)
            assert_problem(await admin.request("POST", "/api/jobs", json={}), 422, "FIELD_INVALID")
            server.stop()
            assert_problem(await admin.request("POST", "/api/jobs", json={}), 422, "FIELD_INVALID")
            refused = await new.request("POST", "/api/jobs", json={})
            assert_problem(refused, 503, "STORE_UNAVAILABLE")
            assert refused.headers["retry-after"] == "1"
            health = (await admin.http.get("/health")).json()
            assert health["services"]["store"]["status"] == "unreachable"
            async with new.socket(hello=False) as socket:
                await socket.say(type="hello", token=new.token)
                assert await socket.closed() == 4003
            server.start()

            async def is_back() -> bool:
                return (await new.request("POST", "/api/jobs", json={})).status_code == 422

            await eventually(is_back, what="the store is back")
            async with new.socket() as socket:
                await new.request("POST", "/api/auth/logout")
                assert await socket.closed() == 4403
    finally:
        server.stop()
