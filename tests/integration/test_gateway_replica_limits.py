"""Two gateways on one PostgreSQL: a user or an address gets from both together what it would get from one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, Socket, assert_problem, gateway_at_hand
from tests.fakes.postgres import database_for


@asynccontextmanager
async def pair(folder: Path, **settings: Any) -> AsyncIterator[tuple[GatewayClient, GatewayClient]]:
    """Run two gateways for the length of the block; yields the admin at each."""
    told = {"gateway_database_url": database_for(folder), "sign_ins_per_min": 0, **settings}
    async with gateway_at_hand(folder, **told) as one, gateway_at_hand(folder, **told) as two:
        yield one, GatewayClient(two.http, two.port, one.token)


async def closed_among(sockets: list[Socket], count: int) -> list[int | None]:
    """Wait until `count` of them are closed; returns what each was closed with."""

    async def codes() -> list[int | None]:
        found = [socket.connection.close_code for socket in sockets]
        return found if sum(code is not None for code in found) >= count else []

    return await eventually(codes, within_s=30, what=f"{count} are closed")


async def comes_in(client: GatewayClient) -> bool:
    try:
        async with client.socket(hello=False):
            return True
    except InvalidStatus as refused:
        if refused.response.status_code != 503:
            raise
        return False


async def both_are_full(one: GatewayClient, two: GatewayClient) -> None:
    """Wait until each has heard what is open at the other, and nobody comes in any more."""

    async def is_refused() -> bool:
        return not any([await comes_in(each) for each in (one, two)])

    await eventually(is_refused, within_s=30, what="both refuse one more")


async def test_a_users_newest_connections_stay_wherever_they_are(tmp_path: Path) -> None:
    async with pair(tmp_path, websocket_connections_per_user=2) as (one, two), AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(each.socket()) for each in (one, two, one, two)]

        assert await closed_among(sockets, 2) == [4409, 4409, None, None]
        for socket in sockets[2:]:
            await socket.say(type="ping")
            await socket.hear("pong")


async def test_an_addresss_oldest_connections_stay_wherever_they_are(tmp_path: Path) -> None:
    """Those that slipped in at the other gateway go, and one more is refused there as here, until there is room."""
    async with pair(tmp_path, websocket_connections_per_address=2) as (one, two), AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        sockets = [await first.enter_async_context(one.socket())]
        sockets += [await stack.enter_async_context(each.socket()) for each in (one, two, two)]

        assert await closed_among(sockets, 2) == [None, None, 4029, 4029]
        await both_are_full(one, two)
        await first.aclose()

        await eventually(lambda: comes_in(two), within_s=30, what="the other gateway has room")


async def test_a_gateway_that_stops_leaves_its_share_to_the_other(tmp_path: Path) -> None:
    told: dict[str, Any] = {"gateway_database_url": database_for(tmp_path), "websocket_connections_per_address": 1}
    async with gateway_at_hand(tmp_path, **told) as staying:
        async with gateway_at_hand(tmp_path, **told) as stopping, stopping.socket():
            await both_are_full(staying, stopping)

        await eventually(lambda: comes_in(staying), within_s=30, what="the share of the stopped gateway is free")


async def test_what_an_address_asked_of_one_counts_at_the_other(tmp_path: Path) -> None:
    """At least as soon as it is refused there: then it has to wait for what both have let in."""
    limits: dict[str, Any] = {"address_requests_per_min": 1, "address_requests_burst": 20}
    async with pair(tmp_path, **limits) as (one, two):
        while (await one.request("GET", "/api/auth/sessions")).status_code == 200:
            pass

        async def waits_for_both() -> bool:
            answer = await two.request("GET", "/api/auth/sessions")
            return answer.status_code == 429 and int(answer.headers["Retry-After"]) > 90

        await eventually(waits_for_both, within_s=30, what="the other gateway counts what the first let in")
        assert_problem(await two.request("GET", "/api/auth/sessions"), 429, "TOO_MANY_REQUESTS")


@pytest.mark.parametrize("way", ["sqlite", "postgresql"])
async def test_one_gateway_alone_keeps_its_whole_share(tmp_path: Path, way: str) -> None:
    url = database_for(tmp_path) if way == "postgresql" else f"sqlite:///{tmp_path / 'gateway.db'}"
    limits: dict[str, Any] = {"websocket_connections_per_address": 3, "websocket_connections_per_user": 3}
    async with gateway_at_hand(tmp_path, gateway_database_url=url, **limits) as admin, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(admin.socket()) for _ in range(3)]
        with pytest.raises(InvalidStatus):
            await stack.enter_async_context(admin.socket())
        for socket in sockets:
            await socket.say(type="ping")
            await socket.hear("pong")
