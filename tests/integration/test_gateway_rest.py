"""The gateway over HTTP, in front of a real queue."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2
from services.chassis.lifecycle import StartError
from services.queue.service import queue_service
from tests.fakes.gateway_client import GatewayClient, assert_problem, gateway_at_hand, key_of_admin, queue_and_gateway
from tests.fakes.queue_client import settings_for

FAILED = job_pb2.JobError(reason="NO_VIDEO", message="There is no video on the page.", metadata={"size_bytes": "7"})


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[GatewayClient]:
    async with (
        queue_service(settings_for(tmp_path, max_queue_size=3)) as port,
        gateway_at_hand(tmp_path, port) as client,
    ):
        yield client


async def test_a_submitted_page_is_a_job_that_can_be_looked_at(admin: GatewayClient) -> None:
    response = await admin.request(
        "POST", "/api/jobs", json={"url": "https://video.test/1", "chatId": -100, "priority": 2}
    )

    assert response.status_code == 202
    job = response.json()
    assert job.pop("duplicate") is False
    assert response.headers["location"] == f"/api/jobs/{job['id']}"
    assert await admin.get(response.headers["location"]) == job
    assert (job["status"], job["stage"], job["progress"], job["owner"]) == ("queued", "waiting", 0, "admin")
    assert job["videoData"]["destination"] == "-100"
    assert [each["id"] for each in (await admin.get("/api/jobs"))["jobs"]] == [job["id"]]


@pytest.mark.parametrize(
    "body", [{"pageUrl": "https://video.test/p"}, {"videoData": {"pageUrl": "https://video.test/p"}}]
)
async def test_the_node_systems_spelling_is_understood(admin: GatewayClient, body: dict[str, Any]) -> None:
    response = await admin.request("POST", "/api/jobs", json=body)

    assert response.json()["videoData"]["pageUrl"] == "https://video.test/p"


async def test_a_repeat_with_the_same_key_returns_the_first_job(admin: GatewayClient) -> None:
    first = await admin.submit("https://video.test/1", **{"Idempotency-Key": '"key-1"'})
    again = await admin.request(
        "POST", "/api/jobs", json={"url": "https://video.test/1"}, headers={"Idempotency-Key": "key-1"}
    )
    other = await admin.request(
        "POST", "/api/jobs", json={"url": "https://video.test/2"}, headers={"Idempotency-Key": "key-1"}
    )

    assert again.json()["id"] == first["id"]
    assert again.headers["idempotency-replayed"] == "true"
    reused = assert_problem(other, 422, "REQUEST_ID_REUSED")["detail"]
    assert reused == f"Idempotency-Key 'key-1' was used before for another request, {first['id']}."


async def test_a_body_without_a_length_is_bounded_as_well(admin: GatewayClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 8_192

    refused = assert_problem(await admin.request("POST", "/api/jobs", content=endless()), 413, "BODY_TOO_LARGE")

    assert (refused["sizeBytes"], refused["limitBytes"]) == (163_840, 65_536)
    assert "163840 bytes" in refused["detail"]


async def test_a_full_queue_says_both_numbers(admin: GatewayClient) -> None:
    for number in range(3):
        await admin.submit(f"https://video.test/{number}")
    response = await admin.request("POST", "/api/jobs", json={"url": "https://video.test/4"})

    assert "3" in assert_problem(response, 429, "QUEUE_FULL")["detail"]


async def test_cancel_and_retry(admin: GatewayClient) -> None:
    job = await admin.submit()

    cancelled = await admin.request("DELETE", job["links"]["self"])
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert cancelled.json()["result"]["success"] is False
    assert (await admin.get("/api/jobs?state=cancelled"))["jobs"][0]["id"] == job["id"]
    assert (await admin.get("/api/jobs?state=queued,processing"))["jobs"] == []
    retried = await admin.request("POST", f"{job['links']['self']}/retry")
    assert (retried.status_code, retried.json()["status"]) == (202, "queued"), retried.text


async def test_pages_of_jobs(admin: GatewayClient) -> None:
    ids = [(await admin.submit(f"https://video.test/{number}"))["id"] for number in range(3)]
    first = await admin.get("/api/jobs?limit=2")
    second = await admin.get(f"/api/jobs?limit=2&cursor={first['nextCursor']}")

    assert [job["id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert second["nextCursor"] is None


async def test_users_see_their_own_jobs_and_admins_all(admin: GatewayClient) -> None:
    ann, bob = await admin.invite("ann"), await admin.invite("bob")
    job = await ann.submit()

    assert (job["owner"], job["userInfo"]) == ("ann", {"id": "ann"})
    assert (await bob.get("/api/jobs"))["jobs"] == []
    for method in ("GET", "DELETE"):
        assert_problem(await bob.request(method, job["links"]["self"]), 404, "JOB_NOT_FOUND")
    assert (await admin.get(job["links"]["self"]))["id"] == job["id"]
    assert_problem(await bob.request("POST", "/api/auth/pair", json={"user": "ann"}), 403, "PERMISSION_DENIED")


async def test_a_failed_job_says_why(tmp_path: Path) -> None:
    """Reason, sentence and numbers; the numbers are numbers."""
    async with queue_and_gateway(tmp_path) as (queue, admin):
        job = await admin.submit()
        async with queue.worker() as worker:
            await worker.ready()
            run = await worker.run()
            await worker.move(1, fail_job={"lease": run.lease, "error": FAILED})
        failed = await admin.get(job["links"]["self"])

    assert (failed["status"], failed["stage"], failed["message"]) == ("failed", None, FAILED.message)
    assert failed["error"] == {
        "code": "NO_VIDEO",
        "message": FAILED.message,
        "retryable": False,
        "metadata": {"sizeBytes": 7},
    }


async def test_an_unknown_delivery_is_sent_again_only_on_a_persons_word(tmp_path: Path) -> None:
    """The error names the field that REST has for that word."""
    unknown = job_pb2.JobError(reason="DELIVERY_UNKNOWN", message="It may have been sent.")
    async with queue_and_gateway(tmp_path) as (queue, admin):
        job = await admin.submit()
        async with queue.worker() as worker:
            await worker.ready()
            run = await worker.run()
            await worker.move(1, begin_send={"lease": run.lease, "media": {}})
            await worker.move(2, commit_send={"lease": run.lease})
            await worker.move(3, fail_job={"lease": run.lease, "error": unknown})
            retry = f"{job['links']['self']}/retry"
            refused = await admin.request("POST", retry)
            accepted = await admin.request("POST", retry, json={"allowDuplicateDelivery": True})

    assert "say allowDuplicateDelivery" in assert_problem(refused, 409, "STATE_FAILED")["detail"]
    assert (accepted.status_code, accepted.json()["status"]) == (202, "queued")


async def test_without_a_queue_the_gateway_says_so(tmp_path: Path) -> None:
    """503 problems, and a health that is still JSON with the memory."""
    async with gateway_at_hand(tmp_path) as admin:
        answer = await admin.request("GET", "/api/jobs")
        refused = assert_problem(answer, 503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "5"
        assert refused["detail"] == "The queue cannot be reached."
        health = await admin.request("GET", "/health")

    assert health.status_code == 503
    assert health.json()["status"] == "unavailable"
    assert health.json()["memory"]["currentFormatted"] == "0 MB"


async def test_health_tells_only_admins_how_much_memory_is_in_use(tmp_path: Path) -> None:
    """What is open to all would else tell each user when another has a job, and how large it is."""
    async with queue_and_gateway(tmp_path) as (queue, admin), queue.worker() as worker:
        ann = await admin.invite("ann")
        counting = await key_of_admin(admin, ["stats:read"])
        reading = await key_of_admin(admin, ["jobs:read"])
        await worker.ready(memory=job_pb2.MemoryStats(current_bytes=30, peak_bytes=40, max_bytes=100))
        await worker.move(1, release_jobs={"leases": []})
        shown = [None, "Bearer wrong", f"Bearer {ann.token}", f"Bearer {reading}"]
        for authorization in shown:
            headers = {} if authorization is None else {"Authorization": authorization}
            health = (await admin.http.get("/health", headers=headers)).json()
            told = {name for name, value in health["memory"].items() if value is not None}
            assert told == {"max", "maxFormatted", "maxPerVideo", "maxPerVideoFormatted"}
            assert (health["status"], health["memory"]["max"]) == ("ok", 100)
        for authorization in (f"Bearer {admin.token}", f"Bearer {counting}"):
            memory = (await admin.http.get("/health", headers={"Authorization": authorization})).json()["memory"]
            assert (memory["current"], memory["peak"], memory["utilization"]) == (30, 40, 30)


async def test_live_updates_can_be_switched_off(tmp_path: Path) -> None:
    async with queue_and_gateway(tmp_path, websocket_enabled=False) as (_, admin):
        stats = await admin.get("/api/queue/stats")
        assert (await admin.get("/api/websocket/stats"))["enabled"] is False

    assert (stats["webSocket"], stats["realTimeUpdates"]) == (None, False)


async def test_openapi_tells_of_every_route_and_nothing_is_from_outside(admin: GatewayClient) -> None:
    """Each documented path is there, each named schema is defined, and the pages load from the gateway only."""
    api = (await admin.http.get("/openapi.json")).json()

    schemas, text = api["components"]["schemas"], json.dumps(api)
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= set(schemas)
    assert {"submit", "list", "get", "cancel", "retry", "finish", "probe"} <= {
        operation["operationId"] for path in api["paths"].values() for operation in path.values()
    }
    for view in schemas.values():
        assert view["properties"], view
    for path, methods in api["paths"].items():
        for method in methods:
            response = await admin.http.request(method, path.replace("{job_id}", "1").replace("{key_id}", "1"))
            assert response.status_code in (200, 400, 401, 422), (method, path)
    job = await admin.submit()
    assert set(job) == set(schemas["SubmittedView"]["properties"]) == {*schemas["JobView"]["properties"], "duplicate"}
    for page in ("/", "/docs"):
        shown = await admin.http.get(page)
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        assert "//" not in shown.text.replace("https://…", "").replace("http://www.w3.org", "")


async def test_a_taken_port_is_one_clear_line(tmp_path: Path, admin: GatewayClient) -> None:
    with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{admin.port}"):
        async with gateway_at_hand(tmp_path / "other", port=admin.port):
            pass


async def test_a_second_gateway_on_one_store_refuses_to_start(tmp_path: Path, admin: GatewayClient) -> None:
    with pytest.raises(StartError, match="another gateway uses the database"):
        async with gateway_at_hand(tmp_path):
            pass
