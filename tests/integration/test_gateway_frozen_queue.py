"""A queue that hangs with its connections open: clients hear of it, and another replica does the work meanwhile."""

import asyncio
from pathlib import Path

from services.queue.service import queue_service
from tests.fakes.gateway_client import gateway_at_hand
from tests.fakes.queue_client import settings_for
from tests.fakes.unreliable_proxy import unreliable_proxy


async def test_live_clients_hear_that_the_queue_hangs_and_that_it_is_back(tmp_path: Path) -> None:
    """Who is there is told, and who comes meanwhile finds it in the welcome."""
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2)) as port,
        unreliable_proxy(port) as proxy,
        gateway_at_hand(tmp_path, proxy.port, keepalive_s=0.3) as admin,
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


async def test_a_replica_that_hangs_costs_a_call_seconds_and_not_its_answer(tmp_path: Path) -> None:
    """Whoever is sent to it is sent to the other one as well; a submit makes one job all the same."""
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2)) as port,
        unreliable_proxy(port) as hanging,
        unreliable_proxy(port) as healthy,
        gateway_at_hand(tmp_path, queue_target=f"ipv4:127.0.0.1:{hanging.port},127.0.0.1:{healthy.port}") as admin,
    ):
        for _ in range(4):  # both are connected then
            await admin.get("/api/queue/stats")
        hanging.lose()
        async with asyncio.timeout(5):
            healths = [await admin.http.get("/health") for _ in range(2)]
        async with asyncio.timeout(8):
            made = [await admin.submit(f"https://video.test/{number}") for number in range(2)]
        listed = (await admin.get("/api/jobs"))["jobs"]

    assert [health.status_code for health in healths] == [200, 200]
    assert sorted(job["id"] for job in listed) == sorted(job["id"] for job in made)
