"""A queue that hangs with its connections open: clients hear of it, and another replica does the work meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.queue.service import queue_service
from tests.fakes.gateway_client import GatewayClient, gateway_at_hand
from tests.fakes.queue_client import settings_for
from tests.fakes.unreliable_proxy import unreliable_proxy


async def test_live_clients_hear_that_the_queue_hangs_and_that_it_is_back(tmp_path: Path) -> None:
    """Who is there is told, and who comes meanwhile finds it in the welcome."""
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2)) as port,
        unreliable_proxy(port) as proxy,
        gateway_at_hand(tmp_path, proxy.port, keepalive_s=2) as admin,
        admin.socket("jobs") as socket,
    ):
        proxy.lose()
        gone = await socket.hear("queue:health")
        async with admin.socket(hello=False) as late:
            await late.say(type="hello", token=admin.token, protocol=1)
            welcome = await late.hear("welcome")
        proxy.mend()
        back = await socket.hear("queue:health")

    assert (gone["reachable"], welcome["queueReachable"], back["reachable"]) == (False, False, True)


@asynccontextmanager
async def one_of_two_hangs(folder: Path) -> AsyncIterator[GatewayClient]:
    """Run a queue with two ways to it for the length of the block: the one in which nothing arrives, and a good one."""
    async with (
        queue_service(settings_for(folder, drain_s=0.2)) as port,
        unreliable_proxy(port) as hanging,
        unreliable_proxy(port) as healthy,
        gateway_at_hand(folder, queue_target=f"ipv4:127.0.0.1:{hanging.port},127.0.0.1:{healthy.port}") as admin,
    ):
        for _ in range(4):  # both are connected then
            await admin.get("/api/queue/stats")
        hanging.lose()
        yield admin


async def test_a_replica_that_hangs_costs_a_call_seconds_and_not_its_answer(tmp_path: Path) -> None:
    """Whoever is sent to it is sent to the other one as well."""
    async with one_of_two_hangs(tmp_path) as admin:
        # One after the other, so that they take turns: one of the first two, and the submit, begin at the hanging one.
        async with asyncio.timeout(20):
            answers = [await admin.http.get("/health") for _ in range(2)]
            await admin.submit()

    assert [answer.status_code for answer in answers] == [200, 200]


async def test_many_who_call_at_once_are_all_answered_though_a_replica_hangs(tmp_path: Path) -> None:
    """However their calls fall between those of the others; and what is sent then becomes one job each."""
    async with one_of_two_hangs(tmp_path) as admin, asyncio.timeout(20):
        answers = await asyncio.gather(*(admin.request("GET", "/api/queue/stats") for _ in range(7)))
        jobs = [await admin.submit(f"https://video.test/{number}") for number in range(2)]
        listed = await admin.get("/api/jobs")

    assert [answer.status_code for answer in answers] == [200] * 7
    assert {job["id"] for job in listed["jobs"]} == {job["id"] for job in jobs}
