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
from cli.live import LiveLostError, live_messages
from cli.target import Target
from tests.fakes.gateway_client import GatewayClient, queue_and_gateway
from tests.fakes.queue_client import QueueClient
from tests.fakes.unreliable_proxy import unreliable_proxy

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
        for job in follow(gateway, jobs, heard=lambda _is_heard: None):
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
    """At last; before that a gateway that catches up with the log may tell its steps, in their order."""
    async with told(tmp_path) as (queue, admin):
        job = await admin.submit()
        await work(queue)
        found = await asyncio.to_thread(seen, admin, [job], lambda: None)

    assert (found[0]["status"], found[-1]["status"]) == ("queued", "completed")
    assert [each["version"] for each in found] == sorted(each["version"] for each in found)


async def test_a_gateway_that_falls_silent_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing closes the connection; that nothing is heard is said, and that it is heard again, and then the end."""
    monkeypatch.setattr("cli.live._PING_EVERY_S", 0.2)
    monkeypatch.setattr("cli.live._PONG_WITHIN_S", 2.0)
    monkeypatch.setattr("cli.http._ANSWER_S", 2.0)
    loop, told_of, found = asyncio.get_running_loop(), asyncio.Queue[bool | str](), list[dict[str, Any]]()

    def tell(news: bool | str) -> None:
        loop.call_soon_threadsafe(told_of.put_nowait, news)

    async def until(news: bool | str) -> None:
        while await told_of.get() != news:
            pass

    def followed(port: int, job: dict[str, Any]) -> None:
        with gateway_at(admin, port) as gateway:
            for each in follow(gateway, [job], heard=tell):
                found.append(each)
                tell(each["status"])

    async with told(tmp_path) as (queue, admin), unreliable_proxy(admin.port) as proxy, asyncio.timeout(60):
        job = await admin.submit()
        following = asyncio.create_task(asyncio.to_thread(followed, proxy.port, job))
        async with queue.worker() as worker:
            await worker.ready()
            run = await worker.run()
            await until("processing")
            proxy.lose()
            await until(False)
            proxy.mend()
            await until(True)
            await worker.move(1, begin_send={"lease": run.lease, "media": {"title": "A film"}})
            await worker.move(2, commit_send={"lease": run.lease})
            await worker.move(3, complete_job={"lease": run.lease, "delivery": DELIVERY})
        await following

    assert found[-1]["status"] == "completed"


async def test_silence_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told apart from a connection that was closed, and the library says nothing into the bars."""
    monkeypatch.setattr("cli.live._PING_EVERY_S", 0.2)
    monkeypatch.setattr("cli.live._PONG_WITHIN_S", 2.0)
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def heard(port: int, job_id: str) -> None:
        with gateway_at(admin, port) as gateway:
            for _ in live_messages(gateway, [job_id]):
                loop.call_soon_threadsafe(begun.set)

    async with told(tmp_path) as (_, admin), unreliable_proxy(admin.port) as proxy, asyncio.timeout(60):
        job = await admin.submit()
        hearing = asyncio.create_task(asyncio.to_thread(heard, proxy.port, job["id"]))
        await begun.wait()
        proxy.lose()
        with pytest.raises(LiveLostError) as lost:
            await hearing

    assert lost.value.is_silent
    assert "keepalive" not in caplog.text


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
    followed = Followed([job_at(5)], lambda _is_heard: None)

    assert followed.take("1", job_at(4, progress=10.0)) is None
    assert followed.take("1", job_at(5)) is None
    assert followed.take("1", job_at(5, progress=60.0)) == job_at(5, progress=60.0)
    assert followed.take("2", job_at(9)) is None
    assert followed.take("1", job_at(6, status="completed", stage=None)) is not None
    assert followed.open_ids == []
    assert followed.take("1", job_at(7)) is None


def test_counts_belong_to_their_stage() -> None:
    followed = Followed([job_at(1)], lambda _is_heard: None)
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
