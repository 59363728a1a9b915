"""What a live client hears over /ws, from a real queue with a worker in the test's hand."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2
from services.chassis.channel import open_link
from services.queue.service import queue_service
from tests.fakes.eventually import eventually
from tests.fakes.freezing_proxy import freezing_proxy
from tests.fakes.gateway_client import GatewayClient, Socket, gateway_at_hand, queue_and_gateway
from tests.fakes.queue_client import QueueClient, WorkCall, queue_at_hand, settings_for

STALLED = job_pb2.JobError(reason="STALLED", message="No bytes arrived.", retryable=True)
DELIVERY = job_pb2.Delivery(chat_id=-100, message_id=42, size_bytes=1_000)
MEDIA = job_pb2.Media(title="A film", duration={"seconds": 12}, width=640, height=360, mime_type="video/mp4")


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[QueueClient, GatewayClient]]:
    async with queue_and_gateway(tmp_path, {"retry_backoff_s": 0}) as opened:
        yield opened


async def deliver(worker: WorkCall, lease: Any, number: int = 10) -> None:
    """Send and complete one run."""
    await worker.move(number, begin_send={"lease": lease, "media": MEDIA})
    await worker.move(number + 1, commit_send={"lease": lease})
    await worker.move(number + 2, complete_job={"lease": lease, "delivery": DELIVERY})


async def beat_until_heard(worker: WorkCall, lease: Any, socket: Socket, percent: float) -> dict[str, Any]:
    """Report progress until the client sees it."""
    await worker.beat(lease, percent)
    while (message := await socket.hear("job:progress"))["progress"] < percent:
        pass
    return message


async def test_a_job_is_seen_from_start_to_end(both: tuple[QueueClient, GatewayClient]) -> None:
    """In order, versions never falling, progress rising, and exactly one end with the result."""
    queue, admin = both
    async with admin.socket("jobs") as socket, queue.worker() as worker:
        job = await admin.submit()
        await worker.ready()
        run = await worker.run()
        for percent in (10, 40):
            await beat_until_heard(worker, run.lease, socket, percent)
        await deliver(worker, run.lease)
        finished = await socket.hear("job:finished")
        await socket.say(type="ping", id="last")
        await socket.hear("pong")

    heard = [message for message in socket.heard if message.get("jobId") == job["id"]]
    kinds = [message["type"] for message in heard]
    assert kinds[:2] == ["job:queued", "job:started"]
    assert (kinds.count("job:finished"), kinds[-1]) == (1, "job:finished")
    assert [message["version"] for message in heard] == sorted(message["version"] for message in heard)
    shown = [message["progress"] for message in heard if message["type"] == "job:progress"]
    assert shown == sorted(shown)
    assert {10, 40} <= set(shown)
    assert finished["status"] == "completed"
    assert finished["error"] is None
    result = finished["result"]
    assert (result["success"], result["telegramMessageId"], result["memoryProcessing"]) == (True, 42, True)
    assert (result["metadata"]["title"], result["metadata"]["width"], result["metadata"]["size"]) == (
        "A film",
        640,
        1_000,
    )


async def test_a_job_is_heard_once_by_who_listens_twice(both: tuple[QueueClient, GatewayClient]) -> None:
    queue, admin = both
    job = await admin.submit()
    async with queue.worker() as worker, admin.socket("jobs", f"job:{job['id']}") as socket:
        await worker.ready()
        await deliver(worker, (await worker.run()).lease)
        await socket.hear("job:finished")
        await socket.say(type="ping")
        await socket.hear("pong")

    kinds = [message["type"] for message in socket.heard]
    assert (kinds.count("job:started"), kinds.count("job:finished")) == (1, 1)


async def test_a_snapshot_shows_what_was_before(both: tuple[QueueClient, GatewayClient]) -> None:
    """All jobs at first; with a cursor only what changed since."""
    _, admin = both
    first, second = await admin.submit("https://video.test/1"), await admin.submit("https://video.test/2")
    async with admin.socket() as socket:
        await socket.say(type="subscribe", channel="jobs", id=7)
        everything = await socket.hear("subscribed")
        await admin.request("DELETE", second["links"]["self"])
        await socket.hear("job:finished")
        await socket.say(type="subscribe", channel="jobs", cursor=everything["cursor"])
        changed = await socket.hear("subscribed")

    assert everything["id"] == 7
    assert [job["id"] for job in everything["snapshot"]["jobs"]] == [second["id"], first["id"]]
    assert [(job["id"], job["status"]) for job in changed["snapshot"]["jobs"]] == [(second["id"], "cancelled")]
    assert changed["cursor"] > everything["cursor"]


async def test_who_comes_late_hears_the_end_as_well(both: tuple[QueueClient, GatewayClient]) -> None:
    _, admin = both
    job = await admin.submit()
    await admin.request("DELETE", job["links"]["self"])
    async with admin.socket(f"job:{job['id']}") as socket:
        # It may even come before the answer to `subscribe`: the change was still on its way then.
        ends = [heard for heard in socket.heard if heard["type"] == "job:finished"]
        end = ends[0] if ends else await socket.hear("job:finished")
    assert end["status"] == "cancelled"


async def test_a_new_attempt_announces_itself_and_starts_at_zero(both: tuple[QueueClient, GatewayClient]) -> None:
    queue, admin = both
    async with admin.socket("jobs") as socket, queue.worker() as worker:
        await admin.submit()
        await worker.ready()
        first = await worker.run()
        await beat_until_heard(worker, first.lease, socket, 80)
        await worker.move(1, fail_job={"lease": first.lease, "error": STALLED})
        retrying = await socket.hear("job:retrying")
        await worker.ready()
        second = await worker.run()
        again = await beat_until_heard(worker, second.lease, socket, 5)

    assert (retrying["progress"], retrying["attempt"], retrying["message"]) == (0, 1, "No bytes arrived.")
    assert (again["progress"], again["attempt"]) == (5, 2)


async def test_progress_never_falls_within_an_attempt(both: tuple[QueueClient, GatewayClient]) -> None:
    """The worker's own numbers may fall; what clients see does not."""
    queue, admin = both
    async with admin.socket("jobs") as socket, queue.worker() as worker:
        await admin.submit()
        await worker.ready()
        run = await worker.run()
        await beat_until_heard(worker, run.lease, socket, 60)
        await worker.beat(run.lease, 20)
        await worker.beat(run.lease, 61)
        await beat_until_heard(worker, run.lease, socket, 61)

    shown = [message["progress"] for message in socket.heard if message["type"] == "job:progress"]
    assert shown == sorted(shown)


async def test_stats_come_with_each_finish(both: tuple[QueueClient, GatewayClient]) -> None:
    queue, admin = both
    async with queue.worker(slots=3), admin.socket("queue", "memory") as socket:
        await admin.request("DELETE", (await admin.submit())["links"]["self"])
        while not (stats := await socket.hear("queue:stats"))["stats"]["cancelled"]:
            pass
        memory = await socket.hear("memory:stats")

    assert (stats["queued"], stats["processing"], stats["memoryUsage"]) == (0, 0, "0 MB")
    assert (stats["stats"]["maxWorkers"], stats["stats"]["webSocket"]["queueSubscriptions"]) == (3, 1)
    assert memory["currentFormatted"] == memory["stats"]["currentFormatted"] == "0 MB"


async def test_numbers_come_after_the_answer_to_subscribe(tmp_path: Path) -> None:
    """Also while the answer waits for the queue and the numbers do not."""
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2, stats_interval_s=0.05)) as port,
        freezing_proxy(f"127.0.0.1:{port}", let_through=["/clipferry.queue.v1.QueueService/WatchJobs"]) as proxy,
        gateway_at_hand(tmp_path, proxy.port) as admin,
        admin.socket("queue") as socket,
    ):
        proxy.freeze()
        await socket.hear("queue:stats")
        await socket.say(type="subscribe", channel="memory")
        await socket.hear("subscribed")
        await socket.hear("memory:stats")

    kinds = [message["type"] for message in socket.heard if message["type"] != "queue:stats"]
    assert kinds[-2:] == ["subscribed", "memory:stats"]
    assert kinds.count("memory:stats") == 1


async def test_the_node_systems_commands_are_understood(both: tuple[QueueClient, GatewayClient]) -> None:
    _, admin = both
    job = await admin.submit()
    async with admin.socket() as socket:
        await socket.say(type="subscribeToJob", jobId=job["id"])
        assert (await socket.hear("subscribed"))["snapshot"]["job"]["id"] == job["id"]
        for command, channel in (("subscribeToQueue", "queue"), ("subscribeToMemory", "memory")):
            await socket.say(type=command)
            subscribed = await socket.hear("subscribed")
            assert (subscribed["channel"], subscribed["snapshot"]["type"]) == (channel, f"{channel}:stats")
        await admin.request("DELETE", job["links"]["self"])
        assert (await socket.hear("job:finished"))["jobId"] == job["id"]


async def test_a_user_hears_of_own_jobs_only(both: tuple[QueueClient, GatewayClient]) -> None:
    _, admin = both
    ann, bob = await admin.invite("ann"), await admin.invite("bob")
    async with ann.socket("jobs") as ann_socket, admin.socket("jobs") as admin_socket:
        others = await bob.submit("https://video.test/bob")
        await admin_socket.hear("job:queued")
        own = await ann.submit("https://video.test/ann")
        assert (await ann_socket.hear("job:queued"))["jobId"] == own["id"]
        await ann_socket.say(type="subscribe", channel=f"job:{others['id']}")
        refused = await ann_socket.hear("error")

    assert refused["code"] == "JOB_NOT_FOUND"
    assert all(message.get("jobId") != others["id"] for message in ann_socket.heard)


async def test_progress_and_the_end_are_streamed_not_polled(tmp_path: Path) -> None:
    """They come although every unary call to the queue is frozen."""
    async with (
        queue_service(settings_for(tmp_path, drain_s=0.2)) as port,
        open_link(f"127.0.0.1:{port}") as link,
        freezing_proxy(f"127.0.0.1:{port}", let_through=["/clipferry.queue.v1.QueueService/WatchJobs"]) as proxy,
        gateway_at_hand(tmp_path, proxy.port) as admin,
        admin.socket("jobs") as socket,
    ):
        job = await admin.submit()
        await socket.hear("job:queued")
        proxy.freeze()
        async with QueueClient(link).worker() as worker, admin.socket() as late:
            await worker.ready()
            run = await worker.run()
            await beat_until_heard(worker, run.lease, socket, 30)
            await late.say(type="subscribe", channel=f"job:{job['id']}")
            assert (await late.hear("subscribed"))["snapshot"]["job"]["status"] == "processing"
            await deliver(worker, run.lease)
            ends = [await client.hear("job:finished") for client in (socket, late)]

    assert [end["result"]["telegramMessageId"] for end in ends] == [42, 42]
    assert ends[0]["result"]["metadata"]["title"] == "A film"


async def test_nothing_is_missed_while_the_queue_is_away(tmp_path: Path) -> None:
    """The gateway comes back by its cursor: what happened in between follows."""
    async with AsyncExitStack() as first_queue:
        port = await first_queue.enter_async_context(queue_service(settings_for(tmp_path, drain_s=0)))
        async with gateway_at_hand(tmp_path, port) as admin, admin.socket("jobs") as socket:
            job = await admin.submit()
            await socket.hear("job:queued")
            await first_queue.aclose()
            async with queue_at_hand(tmp_path) as elsewhere:
                await elsewhere.cancel(f"jobs/{job['id']}")
            async with queue_service(settings_for(tmp_path, listen_address=f"127.0.0.1:{port}", drain_s=0)):
                assert (await socket.hear("job:finished"))["jobId"] == job["id"]


async def test_the_stage_stays_when_the_queue_was_started_again(tmp_path: Path) -> None:
    """It has not heard of the run yet, and tells of it as probing; clients were told more already."""
    async with AsyncExitStack() as first_queue:
        port = await first_queue.enter_async_context(queue_service(settings_for(tmp_path, drain_s=0)))
        link = await first_queue.enter_async_context(open_link(f"127.0.0.1:{port}"))
        async with gateway_at_hand(tmp_path, port) as admin, admin.socket("jobs") as socket:
            job = await admin.submit()
            async with QueueClient(link).worker() as worker:
                await worker.ready()
                await beat_until_heard(worker, (await worker.run()).lease, socket, 30)
            await first_queue.aclose()
            async with queue_service(settings_for(tmp_path, listen_address=f"127.0.0.1:{port}", drain_s=0)):
                again = await socket.hear("job:progress")
                await socket.say(type="subscribe", channel="jobs")
                shown = (await socket.hear("subscribed"))["snapshot"]["jobs"][0]

    assert (again["jobId"], again["stage"], again["progress"]) == (job["id"], "downloading", 30)
    assert again["message"]
    assert (shown["stage"], shown["progress"]) == ("downloading", 30)


async def test_a_gap_in_the_log_is_closed_by_a_snapshot(tmp_path: Path) -> None:
    """The cursor is too old when the queue comes back: clients get the state, and still hear of the end."""
    async with AsyncExitStack() as first_queue:
        port = await first_queue.enter_async_context(queue_service(settings_for(tmp_path, drain_s=0)))
        async with gateway_at_hand(tmp_path, port) as admin, admin.socket("jobs") as socket:
            job = await admin.submit()
            await socket.hear("job:queued")
            await first_queue.aclose()
            async with queue_at_hand(tmp_path) as elsewhere:
                await elsewhere.cancel(f"jobs/{job['id']}")
                for number in range(5):
                    await elsewhere.submit(f"https://video.test/other/{number}", owner="admin")
            with closing(sqlite3.connect(tmp_path / "queue.db")) as database, database:
                database.execute("DELETE FROM job_events WHERE sequence < (SELECT max(sequence) FROM job_events)")
            async with queue_service(settings_for(tmp_path, listen_address=f"127.0.0.1:{port}", drain_s=0)):
                assert (await socket.hear("job:finished"))["jobId"] == job["id"]
                again = await socket.hear("subscribed")

    assert len(again["snapshot"]["jobs"]) == 6


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[GatewayClient]:
    async with gateway_at_hand(tmp_path, websocket_ping_interval=100) as client:
        yield client


async def test_text_pings_come_in_time(admin: GatewayClient) -> None:
    async with admin.socket() as socket:
        for _ in range(3):
            await socket.hear("ping")
            await socket.say(type="pong")


async def test_the_subprotocol_is_echoed(admin: GatewayClient) -> None:
    async with admin.socket() as socket:
        assert socket.connection.subprotocol == "clipferry.v1"
        assert "permessage-deflate" not in str(socket.connection.response and socket.connection.response.headers)


async def test_an_authorization_header_is_hello_enough(admin: GatewayClient) -> None:
    async with admin.socket(hello=False, additional_headers=admin.headers, subprotocols=None) as socket:
        assert (await socket.next())["type"] == "welcome"


async def test_stopping_sends_clients_away_with_a_time_to_come_back(tmp_path: Path) -> None:
    async with asyncio.timeout(30):
        async with gateway_at_hand(tmp_path) as admin:
            socket = await admin.socket().__aenter__()
        goodbye = await socket.hear("goaway")

    assert 500 <= goodbye["reconnectAfterMs"] <= 3_000
    assert await socket.closed() == 4000


async def test_those_who_are_sent_away_do_not_all_come_back_at_once(tmp_path: Path) -> None:
    """The pauses of forty lie all over the span: half of it at least, with hardly two alike."""
    limits: dict[str, Any] = {"websocket_connections_per_user": 100, "websocket_waiting_per_address": 100}
    async with AsyncExitStack() as open_until_told:
        async with gateway_at_hand(tmp_path, **limits) as admin:
            sockets = [await open_until_told.enter_async_context(admin.socket()) for _ in range(40)]
        pauses_ms = [(await socket.hear("goaway"))["reconnectAfterMs"] for socket in sockets]

    assert max(pauses_ms) - min(pauses_ms) > 1_250
    assert len(set(pauses_ms)) > 20


async def test_connections_are_counted_and_let_go(admin: GatewayClient) -> None:
    async with admin.socket(), admin.socket():
        assert (await admin.get("/api/websocket/stats"))["connectedClients"] == 2

    async def nobody() -> bool:
        return bool((await admin.get("/api/websocket/stats"))["connectedClients"] == 0)

    await eventually(nobody)
