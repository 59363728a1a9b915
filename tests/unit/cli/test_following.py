"""Jobs sent once and followed to their ends, whatever becomes of the connection."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.credentials import Fixed
from cli.exits import UNREACHABLE, CommandError
from cli.follow import Followed, follow
from cli.gateway import Gateway
from cli.target import Target
from tests.fakes.gateway_client import GatewayClient, queue_and_gateway
from tests.fakes.queue_client import QueueClient

DELIVERY = {"chat_id": -100, "message_id": 42, "size_bytes": 1_000}


@asynccontextmanager
async def told(folder: Path, **settings: Any) -> AsyncIterator[tuple[QueueClient, GatewayClient]]:
    async with queue_and_gateway(folder, {"retry_backoff_s": 0}, **settings) as both:
        yield both


def gateway_at(admin: GatewayClient, port: int = 0) -> Gateway:
    return Gateway(Target(f"http://127.0.0.1:{port or admin.port}", Fixed(admin.token), {}))


async def work(queue: QueueClient) -> None:
    """Run one job to its end."""
    async with queue.worker() as worker:
        await worker.ready()
        run = await worker.run()
        await worker.beat(run.lease, 40)
        await worker.move(1, begin_send={"lease": run.lease, "media": {"title": "A film"}})
        await worker.move(2, commit_send={"lease": run.lease})
        await worker.move(3, complete_job={"lease": run.lease, "delivery": DELIVERY})


def seen(admin: GatewayClient, jobs: list[dict[str, Any]], started: Callable[[], object]) -> list[dict[str, Any]]:
    found = []
    with gateway_at(admin) as gateway:
        for job in follow(gateway, jobs):
            found.append(job)
            started()
    return found


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "asking"])
async def test_a_job_is_followed_to_its_end(tmp_path: Path, is_live: bool) -> None:
    """Also where live updates are switched off."""
    async with told(tmp_path, websocket_enabled=is_live) as (queue, admin):
        job, begun, loop = await admin.submit(), asyncio.Event(), asyncio.get_running_loop()
        following = asyncio.create_task(
            asyncio.to_thread(seen, admin, [job], lambda: loop.call_soon_threadsafe(begun.set))
        )
        await begun.wait()
        await work(queue)
        found = await asyncio.wait_for(following, 20)

    assert found[0]["status"] == "queued"
    assert (found[-1]["status"], found[-1]["progress"]) == ("completed", 100)
    assert found[-1]["result"]["metadata"]["title"] == "A film"
    assert [each["version"] for each in found] == sorted(each["version"] for each in found)


async def test_a_job_that_has_ended_is_shown_as_it_ended(tmp_path: Path) -> None:
    async with told(tmp_path) as (queue, admin):
        job = await admin.submit()
        await work(queue)
        found = await asyncio.to_thread(seen, admin, [job], lambda: None)

    assert [each["status"] for each in found] == ["queued", "completed"]


@asynccontextmanager
async def losing_the_first_answer(port: int) -> AsyncIterator[tuple[int, list[str]]]:
    """Pass requests on, but lose the first answer; yields the port, and the keys of requests as they come."""
    answers: list[bytes] = []
    keys: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)

        async def requests() -> None:
            while data := await reader.read(65_536):
                keys.extend(re.findall(r"(?i)idempotency-key: (\S+)", data.decode()))
                up_writer.write(data)

        passing = asyncio.create_task(requests())
        try:
            while data := await up_reader.read(65_536):
                answers.append(data)
                if len(answers) == 1:
                    break
                writer.write(data)
        finally:
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)
            for each in (writer, up_writer):
                each.close()
                await asyncio.gather(each.wait_closed(), return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], keys


async def test_a_page_whose_answer_is_lost_is_sent_once(tmp_path: Path) -> None:
    """The request is repeated with the same Idempotency-Key."""
    async with told(tmp_path) as (_, admin), losing_the_first_answer(admin.port) as (port, keys):

        def sent() -> dict[str, Any]:
            with gateway_at(admin, port) as gateway:
                return gateway.submit({"url": "https://video.test/1"})

        job = await asyncio.to_thread(sent)
        jobs = (await admin.get("/api/jobs"))["jobs"]

    assert [each["id"] for each in jobs] == [job["id"]]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def job_at(version: int, **fields: Any) -> dict[str, Any]:
    return {"id": "1", "status": "processing", "stage": "downloading", "progress": 50.0, "version": version, **fields}


def test_what_comes_late_is_not_believed() -> None:
    """An answer to a question that was asked before a live message came; and whatever follows an end."""
    followed = Followed([job_at(5)])

    assert followed.take("1", job_at(4, progress=10.0)) is None
    assert followed.take("1", job_at(5)) is None
    assert followed.take("1", job_at(5, progress=60.0)) == job_at(5, progress=60.0)
    assert followed.take("2", job_at(9)) is None
    assert followed.take("1", job_at(6, status="completed", stage=None)) is not None
    assert followed.open_ids == []
    assert followed.take("1", job_at(7)) is None


def test_counts_belong_to_their_stage() -> None:
    followed = Followed([job_at(1)])
    followed.take("1", {"version": 1, "stage": "downloading", "bytesDone": 5, "bytesTotal": 9})

    assert followed.take("1", {"version": 1, "stage": "muxing"}) == job_at(1, stage="muxing")


async def refused(call: Callable[[], Awaitable[object]]) -> CommandError:
    with pytest.raises(CommandError) as error:
        await call()
    return error.value


async def test_a_gateway_that_is_not_there_is_said_to_be_so() -> None:
    def asked() -> dict[str, Any]:
        with Gateway(Target("http://127.0.0.1:9", Fixed("cf_1"), {})) as gateway:
            return gateway.call("GET", "/api/jobs", repeats=False)

    error = await refused(lambda: asyncio.to_thread(asked))

    assert (error.status, error.code) == (UNREACHABLE, "UNAVAILABLE")
    assert "http://127.0.0.1:9" in error.message
