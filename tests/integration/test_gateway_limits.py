"""How often and how much one may ask, over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

from clipferry.queue.v1 import job_pb2
from gateway.store.opening import open_database
from services.chassis.channel import open_link
from services.queue.service import queue_service
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import assert_problem, gateway_at_hand, queue_and_gateway
from tests.fakes.postgres import database_for
from tests.fakes.queue_client import QueueClient, WorkCall, settings_for


async def test_a_user_who_submits_too_fast_is_told_when_to_come_back(tmp_path: Path) -> None:
    """Each answer says what is left; reading goes on; another user is not touched; what was refused did nothing."""
    async with queue_and_gateway(tmp_path, submits_per_min=6, submits_burst=2) as (_, admin):
        ann, bob = await admin.invite("ann"), await admin.invite("bob")
        first = await ann.request("POST", "/api/jobs", json={"url": "https://video.test/1"})
        bad = await ann.request("POST", "/api/jobs", json={})
        refused = await ann.request("POST", "/api/jobs", json={"url": "https://video.test/2"})

        assert first.headers["ratelimit-policy"] == '"submits";q=2;w=20'
        assert first.headers["ratelimit"] == '"submits";r=1;t=10'
        assert_problem(bad, 422, "FIELD_INVALID")
        assert bad.headers["ratelimit"].startswith('"submits";r=0;t=')
        told = assert_problem(refused, 429, "TOO_MANY_REQUESTS")
        assert "The user 'ann' may do this 2 times at once and 6 times a minute" in told["detail"]
        assert (told["limitPerMin"], told["burst"]) == (6, 2)
        assert 9 <= int(refused.headers["retry-after"]) <= 10
        assert refused.headers["ratelimit"] == f'"submits";r=0;t={refused.headers["retry-after"]}'
        read = await ann.request("GET", "/api/jobs")
        assert [job["id"] for job in read.json()["jobs"]] == [first.json()["id"]]
        numbers = await ann.request("GET", "/api/queue/stats")
        for answer in (read, numbers):
            assert answer.headers["ratelimit-policy"] == '"requests";q=300;w=15'
        left = [int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]) for answer in (read, numbers)]
        assert left[0] - left[1] in (0, 1)
        await bob.submit()


async def test_an_address_that_asks_too_often_is_refused_before_anything_else(tmp_path: Path) -> None:
    """Signed in or not; whoever looks at the health is not counted. Behind a proxy the client's own address counts."""
    async with gateway_at_hand(
        tmp_path, address_requests_per_min=1, address_requests_burst=3, trusted_proxies="127.0.0.0/8"
    ) as admin:
        behind = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in (1, 2)]

        for _ in range(3):
            assert_problem(await admin.http.get("/api/jobs", headers=behind[0]), 401, "UNAUTHENTICATED")
        refused = await admin.http.get("/api/jobs", headers=behind[0])
        assert "The address 203.0.113.1 may do this" in assert_problem(refused, 429, "TOO_MANY_REQUESTS")["detail"]
        assert 50 <= int(refused.headers["retry-after"]) <= 60
        assert_problem(await admin.http.get("/api/jobs", headers=behind[1]), 401, "UNAUTHENTICATED")
        assert (await admin.http.get("/", headers=behind[0])).status_code == 200
        for _ in range(5):
            assert (await admin.http.get("/health", headers=behind[0])).status_code == 503


async def test_limits_and_quotas_hold_across_gateways(tmp_path: Path) -> None:
    """Two of them on one database: the user gets what one would give, whichever is asked."""
    told: dict[str, Any] = {
        "gateway_database_url": database_for(tmp_path),
        "submits_per_min": 1,
        "submits_burst": 4,
        "jobs_per_day": 3,
    }
    async with (
        queue_service(settings_for(tmp_path)) as port,
        gateway_at_hand(tmp_path, port, **told) as here,
        gateway_at_hand(tmp_path, port, **told) as there,
    ):
        answers = await asyncio.gather(
            *(
                client.request("POST", "/api/jobs", json={"url": f"https://video.test/{number}"})
                for number, client in enumerate([here, there] * 4)
            )
        )

    codes = sorted(answer.json().get("code", "") for answer in answers)
    assert codes == ["", "", "", "QUOTA_EXCEEDED", *["TOO_MANY_REQUESTS"] * 4]


async def test_the_days_jobs_are_those_that_came_to_be(tmp_path: Path) -> None:
    """A replay and a refused body take nothing of the quota; a restart gives nothing back."""
    async with queue_service(settings_for(tmp_path)) as port:
        async with gateway_at_hand(tmp_path, port, jobs_per_day=2) as admin:
            for _ in range(3):
                await admin.submit("https://video.test/1", **{"Idempotency-Key": "one"})
            assert_problem(await admin.request("POST", "/api/jobs", json={"url": "nothing"}), 422, "FIELD_INVALID")
        async with gateway_at_hand(tmp_path, port, jobs_per_day=2) as admin:
            await admin.submit("https://video.test/2")
            refused = await admin.request("POST", "/api/jobs", json={"url": "https://video.test/3"})

    told = assert_problem(refused, 429, "QUOTA_EXCEEDED")
    assert (told["usedJobs"], told["limitJobs"]) == (2, 2)
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert refused.headers["ratelimit-policy"] == '"jobs-per-day";q=2;w=86400'
    assert refused.headers["ratelimit"] == f'"jobs-per-day";r=0;t={refused.headers["retry-after"]}'


async def test_the_days_bytes_are_those_that_arrived(tmp_path: Path) -> None:
    """Also those that arrived while no gateway ran; the job that goes over the limit ends well, the next is refused."""
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2)) as port,
        open_link(f"127.0.0.1:{port}") as link,
        QueueClient(link).worker(slots=1) as worker,
    ):
        await worker.ready()
        async with gateway_at_hand(tmp_path, port, bytes_per_day=1_000) as admin:
            await admin.submit("https://video.test/1")
            await admin.submit("https://video.test/2")
            await _deliver(worker, 600, 1)
            await eventually(lambda: _has_counted(tmp_path, 600), what="600 bytes are counted")
            await admin.submit("https://video.test/3")
        await worker.ready()
        await _deliver(worker, 500, 4)
        async with gateway_at_hand(tmp_path, port, bytes_per_day=1_000) as admin:
            await eventually(lambda: _has_counted(tmp_path, 1_100), what="1100 bytes are counted")
            refused = await admin.request("POST", "/api/jobs", json={"url": "https://video.test/4"})

    told = assert_problem(refused, 429, "QUOTA_EXCEEDED")
    assert (told["usedBytes"], told["limitBytes"]) == (1_100, 1_000)
    assert refused.headers["ratelimit-policy"] == '"bytes-per-day";q=1000;w=86400'


async def _deliver(worker: WorkCall, size_bytes: int, first_move: int) -> None:
    run = await worker.run()
    delivery = job_pb2.Delivery(chat_id=1, message_id=first_move, size_bytes=size_bytes)
    await worker.move(first_move, begin_send={"lease": run.lease, "media": {}})
    await worker.move(first_move + 1, commit_send={"lease": run.lease})
    await worker.move(first_move + 2, complete_job={"lease": run.lease, "delivery": delivery})


async def _has_counted(folder: Path, size_bytes: int) -> bool:
    async with open_database(f"sqlite:///{folder / 'gateway.db'}", alone=False) as database:
        return await database.run("SELECT size_bytes FROM usage WHERE user_id = $1", "admin") == [(size_bytes,)]
