"""Restarts, holes in the network, idle cuts, expired tokens: a client that follows the page ends with the right state.

And it does not come back more often than it should: each test counts the connections that were tried.
"""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from services.chassis.lifecycle import background
from services.queue.service import queue_service
from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient, gateway_at_hand, queue_and_gateway
from tests.fakes.live_client import LiveClient, Pauses
from tests.fakes.queue_client import settings_for
from tests.fakes.unreliable_proxy import unreliable_proxy
from tests.processes.ports import free_ports

PAUSES = Pauses(base_s=0.1, longest_s=0.4, stable_s=5.0, too_many_s=0.1, silence_s=3.0)
INTERVALS: dict[str, Any] = {"websocket_ping_interval": 200, "websocket_ping_timeout_s": 3}

TOO_SELDOM: dict[str, Any] = {"websocket_ping_interval": 800}


def follower(admin: GatewayClient, port: int | None = None) -> LiveClient:
    async def token() -> str:
        return admin.token

    return LiveClient(port or admin.port, token, PAUSES)


async def test_a_restart_of_the_gateway_is_survived_without_a_storm(tmp_path: Path) -> None:
    """What happened meanwhile is known, and twenty clients come back one try or a few each."""
    port = free_ports(["gateway"])["gateway"]
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2)) as queue_port,
        AsyncExitStack() as first,
        AsyncExitStack() as following,
    ):
        admin = await first.enter_async_context(gateway_at_hand(tmp_path, queue_port, port=port, **INTERVALS))
        clients = [follower(admin) for _ in range(20)]
        for client in clients:
            await following.enter_async_context(background(client.run(), name="follower"))
        job = await admin.submit()
        for client in clients:
            await client.until(lambda client=client: job["id"] in client.jobs)  # type: ignore[misc]
        await first.aclose()
        async with gateway_at_hand(tmp_path, queue_port, port=port, **INTERVALS) as again:
            await again.request("DELETE", job["links"]["self"])
            for client in clients:
                await client.until(lambda client=client: client.jobs[job["id"]][1] == "cancelled")  # type: ignore[misc]
            connect_counts = [client.connect_count for client in clients]
            total = (await again.get("/api/websocket/stats"))["totalConnections"]

    assert all(client.close_codes[0] == 4000 for client in clients)
    assert total == 20
    # The door is shut for a second or so; pauses grow to 0.4 s.
    assert sum(connect_counts) <= 20 * 12, connect_counts


async def test_a_hole_in_the_network_is_noticed_by_both_sides(tmp_path: Path) -> None:
    async with (
        queue_and_gateway(tmp_path, **INTERVALS) as (_, admin),
        unreliable_proxy(admin.port) as proxy,
        background((client := follower(admin, proxy.port)).run(), name="follower"),
    ):
        job = await admin.submit()
        await client.until(lambda: job["id"] in client.jobs)
        proxy.lose()
        await admin.request("DELETE", job["links"]["self"])
        await client.until(lambda: bool(client.close_codes))
        proxy.mend()
        await client.until(lambda: client.jobs[job["id"]][1] == "cancelled")
        stats = await admin.get("/api/websocket/stats")

    assert client.connect_count <= 6
    assert (stats["connectedClients"], stats["jobSubscriptions"]) == (1, 1)


async def test_a_proxy_that_cuts_idle_connections_finds_none(tmp_path: Path) -> None:
    """Pings come more often than it loses patience."""
    async with (
        gateway_at_hand(tmp_path, **INTERVALS) as admin,
        unreliable_proxy(admin.port, idle_s=0.8) as proxy,
        background((client := follower(admin, proxy.port)).run(), name="follower"),
    ):
        await client.until(lambda: client.message_count >= 12)  # welcome, snapshot and ten pings: two seconds

    assert (proxy.cut_count, client.connect_count) == (0, 1)


async def test_a_proxy_that_cuts_too_soon_makes_no_storm(tmp_path: Path) -> None:
    async with (
        queue_and_gateway(tmp_path, **TOO_SELDOM) as (_, admin),
        unreliable_proxy(admin.port, idle_s=0.2) as proxy,
        background((client := follower(admin, proxy.port)).run(), name="follower"),
    ):
        job = await admin.submit()
        await client.until(lambda: len(client.close_codes) >= 3)
        await admin.request("DELETE", job["links"]["self"])
        await client.until(lambda: client.jobs.get(job["id"], (0, ""))[1] == "cancelled")

    assert client.connect_count <= 12


async def test_an_expired_token_is_replaced_and_the_client_comes_back(tmp_path: Path) -> None:
    async with queue_and_gateway(tmp_path, access_token_ttl_s=3, **INTERVALS) as (_, admin):

        async def token() -> str:
            return (await admin.sign_in(apiKey=ADMIN_KEY)).token

        client = LiveClient(admin.port, token, PAUSES)
        async with background(client.run(), name="follower"):
            await client.until(lambda: 4010 in client.close_codes)
            job = await (await admin.sign_in(apiKey=ADMIN_KEY)).submit()
            await client.until(lambda: job["id"] in client.jobs)

    assert set(client.close_codes) == {4010}
    assert client.connect_count <= 6
