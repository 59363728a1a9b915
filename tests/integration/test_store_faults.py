"""The queue's database fails at one call, whichever it is: the job ends as if nothing had been, with one message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from sandbox.botapi.server import RunningBotApi, bot_api
from sandbox.site.media import Media, make_media
from sandbox.site.server import SampleSite, sample_site
from services.chassis.channel import open_link
from services.chassis.errors import ClipferryError, Reason
from services.notifier.config import NotifierSettings
from services.notifier.service import notifier_service
from services.processor.config import ProcessorSettings
from services.processor.service import processor_service
from services.queue.config import QueueSettings
from services.queue.service import queue_service
from tests.fakes.eventually import eventually
from tests.fakes.faulty_store import Faults, When, faulty
from tests.fakes.postgres import database_for
from tests.fakes.queue_client import QueueClient, settings_for

TOKEN = "123456:a-token-that-only-the-sandbox-knows-of"
ENDED = (job_pb2.JOB_STATE_COMPLETED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED)
CALLS_OF_A_DELIVERY = ["submit", "claim", "BeginSend", "CommitSend", "Complete", "get"]


@dataclass
class World:
    """All parts in one process, around a store that fails when it is told to."""

    faults: Faults
    site: SampleSite
    telegram: RunningBotApi
    client: QueueClient

    async def end_of(self, path: str) -> job_pb2.Job:
        """Submit a page as the gateway does, as often as it takes, and return its job at its end."""
        spec = job_pb2.JobSpec(url=self.site.url + path, destination="42")
        request = queue_service_pb2.SubmitJobRequest(owner="ann", request_id=f"r {path}", spec=spec)

        async def submitted() -> str:
            try:
                return str((await self.client.call(self.client.queue.SubmitJob, request)).job.name)
            except ClipferryError as error:
                if not error.retry_after_s:
                    raise
                return ""

        name = await eventually(submitted, what="the job is accepted")

        async def ended() -> job_pb2.Job | None:
            try:
                job = await self.client.get(name)
            except ClipferryError as error:
                if not error.retry_after_s:
                    raise
                return None
            return job if job.state in ENDED else None

        job = await eventually(ended, within_s=30, what="the job has ended")
        assert job is not None
        return job


@pytest.fixture(scope="module")
def media() -> Media:
    return asyncio.run(make_media())


@pytest.fixture(params=["sqlite", "postgresql"])
async def world(request: pytest.FixtureRequest, media: Media, tmp_path: Path) -> AsyncIterator[World]:
    faults = Faults()
    # Leases are long: whatever comes right only because one runs out comes in a second run.
    times = {"lease_ttl_s": 9, "beat_interval_s": 0.3, "reap_interval_s": 0.2, "auto_cleanup_interval_ms": 200}
    times |= {"work_max_age_s": 2, "stats_interval_s": 0.2, "retry_backoff_s": 0, "drain_s": 0.1}
    url = {"database_url": database_for(tmp_path)} if request.param == "postgresql" else {}
    queue_settings = settings_for(tmp_path, **times, **url)
    async with sample_site(media=media) as site, bot_api(token=TOKEN, chats=["42"]) as telegram:
        notifier_settings = NotifierSettings(
            listen_address="127.0.0.1:0",
            telegram_bot_token=SecretStr(TOKEN),
            telegram_api_base_url=telegram.url,
            drain_s=0.1,
        )
        async with (
            queue_service(queue_settings, open_store=faulty(faults)) as queue_port,
            notifier_service(notifier_settings) as notifier_port,
        ):
            processor_settings = ProcessorSettings(
                listen_address="127.0.0.1:0",
                queue_target=f"127.0.0.1:{queue_port}",
                notifier_target=f"127.0.0.1:{notifier_port}",
                egress_allow=site.url.removeprefix("http://"),
                tmpfs_dir=Path("/dev/shm") / f"clipferry-test-{tmp_path.name}",
                drain_s=0.1,
            )
            async with processor_service(processor_settings), open_link(f"127.0.0.1:{queue_port}") as link:
                yield World(faults, site, telegram, QueueClient(link))


@pytest.mark.parametrize("when", When)
async def test_a_delivery_survives_a_fault_at_each_call(world: World, when: When) -> None:
    """Before and after each call that a delivery makes: COMPLETED, in its first run, with one message."""
    for call in CALLS_OF_A_DELIVERY:
        world.faults.arm(call, when)
        sent_before = len(world.telegram.messages)

        job = await world.end_of(f"/media/clip.mp4?{call}")

        assert world.faults.failed == [call]
        assert (job.state, job.error.reason) == (job_pb2.JOB_STATE_COMPLETED, ""), call
        assert len(world.telegram.messages) == sent_before + 1, call
        assert job.delivery.message_id == world.telegram.messages[-1].message_id
        assert job.attempt == 1, call


@pytest.mark.parametrize("when", When)
async def test_a_run_survives_a_fault_of_what_goes_on_beside_it(world: World, when: When) -> None:
    """Renewals, new streams, the reaper, the cleaner, the numbers: all of them while the video downloads."""
    ending = asyncio.create_task(world.end_of("/gated/beside/clip.mp4"))
    for call in ("renew", "active", "reap", "purge", "totals"):
        world.faults.arm(call, when)

        async def has_failed() -> bool:
            return bool(world.faults.failed)

        await eventually(has_failed, what=f"a call of {call} has failed")
    async with httpx.AsyncClient(trust_env=False) as http:
        await http.post(f"{world.site.url}/gates/beside")
    job = await ending

    assert (job.state, job.attempt) == (job_pb2.JOB_STATE_COMPLETED, 1)


@pytest.mark.parametrize("when", When)
async def test_a_failure_is_kept_through_a_fault(world: World, when: When) -> None:
    world.faults.arm("Fail", when)

    job = await world.end_of("/pages/no-video")

    assert (job.state, job.error.reason) == (job_pb2.JOB_STATE_FAILED, "NO_VIDEO")
    assert world.faults.failed == ["Fail"]


@dataclass
class Lonely:
    """A queue alone, and a client that asks as the gateway and the workers do: again, when it is told to."""

    faults: Faults
    client: QueueClient

    async def asked(self, call: str, when: When, method: Any, request: Any) -> Any:
        """Return the answer of `method`, whose first try meets a fault at `call` of the store."""
        self.faults.arm(call, when)

        async def answer() -> Any:
            try:
                return await self.client.call(method, request)
            except ClipferryError as error:
                if error.reason is not Reason.STORE_UNAVAILABLE:
                    raise
                return None

        answered = await eventually(answer, what=f"{call} is answered")
        assert self.faults.failed == [call]
        return answered


def lonely_settings(folder: Path, engine: str) -> QueueSettings:
    url = {"database_url": database_for(folder)} if engine == "postgresql" else {}
    return settings_for(folder, stats_interval_s=0.2, drain_s=0.1, **url)


@asynccontextmanager
async def lonely_queue(folder: Path, engine: str) -> AsyncIterator[Lonely]:
    faults = Faults()
    async with (
        queue_service(lonely_settings(folder, engine), open_store=faulty(faults)) as port,
        open_link(f"127.0.0.1:{port}") as link,
    ):
        yield Lonely(faults, QueueClient(link))


@pytest.fixture(params=["sqlite", "postgresql"])
async def lonely(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lonely]:
    async with lonely_queue(tmp_path, request.param) as queue:
        yield queue


async def test_what_an_owner_asks_is_done_once(lonely: Lonely) -> None:
    """Whoever asks again after a fault gets the job as asked for, and nothing was done twice."""
    client = lonely.client
    for when in When:
        name = (await client.submit(request_id=when.value)).name

        cancel = queue_service_pb2.CancelJobRequest(name=name, owner="ann")
        cancelled = (await lonely.asked("Cancel", when, client.queue.CancelJob, cancel)).job
        retry = queue_service_pb2.RetryJobRequest(name=name, owner="ann")
        retried = (await lonely.asked("Retry", when, client.queue.RetryJob, retry)).job

        assert (cancelled.state, cancelled.version) == (job_pb2.JOB_STATE_CANCELLED, 2)
        assert (retried.state, retried.version) == (job_pb2.JOB_STATE_QUEUED, 3)
        await client.cancel(name)


async def test_what_is_asked_of_a_run_is_done_once(lonely: Lonely) -> None:
    """Its owner lets a recording finish, its worker changes its memory and hands it back."""
    client = lonely.client
    spec = job_pb2.JobSpec(url="https://video.test/live", allow_live=True)
    for when in When:
        name = (await client.submit(spec=spec)).name
        async with client.worker(when.value) as worker:
            await worker.ready(slots=1, free_bytes=1 << 30)
            lease = (await worker.run()).lease

            finish = queue_service_pb2.FinishJobRequest(name=name, owner="ann")
            finishing = (await lonely.asked("Finish", when, client.queue.FinishJob, finish)).job
            resize = worker_service_pb2.ResizeReservationRequest(lease=lease, reserved_bytes=7)
            resized = await lonely.asked("Resize", when, client.work.ResizeReservation, resize)
            version = (await client.get(name)).version
            release = worker_service_pb2.ReleaseJobsRequest(leases=[lease])
            released = await lonely.asked("Release", when, client.work.ReleaseJobs, release)

        assert (finishing.finish_requested, finishing.version) == (True, 3)
        assert (resized.reserved_bytes, version) == (7, 4)
        assert released.released_count == 1
        job = await client.get(name)
        assert (job.state, job.attempt, job.version) == (job_pb2.JOB_STATE_QUEUED, 0, 5)
        await client.cancel(name)


async def test_what_is_read_is_read_again(lonely: Lonely) -> None:
    """A list."""
    client = lonely.client
    name = (await client.submit()).name
    for when in When:
        request = queue_service_pb2.ListJobsRequest(owner="ann")
        listed = await lonely.asked("page", when, client.queue.ListJobs, request)
        assert [job.name for job in listed.jobs] == [name]


@pytest.mark.parametrize("when", When)
async def test_the_numbers_go_on_being_told(lonely: Lonely, when: When) -> None:
    """Of how old the oldest job is, too, which is looked for as soon as one waits."""
    lonely.faults.arm("oldest_waiting_ms", when)
    await lonely.client.submit()

    async def has_failed() -> bool:
        return bool(lonely.faults.failed)

    await eventually(has_failed, what="the numbers could not be read")
    async with lonely.client.watch(include_stats=True) as watch:
        told = await watch.item("stats")
        while not told.HasField("oldest_queued_age"):
            told = await watch.item("stats")

    assert told.jobs_by_state


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_a_fault_at_the_start_and_in_a_backlog(tmp_path: Path, engine: str, when: When) -> None:
    """A queue that cannot read where the log ends does not start; a watcher whose backlog broke off comes back."""
    async with lonely_queue(tmp_path, engine) as queue:
        await queue.client.submit()
    faults = Faults()
    faults.arm("last_sequence", when)
    with pytest.raises(ClipferryError, match="database"):
        async with queue_service(lonely_settings(tmp_path, engine), open_store=faulty(faults)):
            pass
    assert faults.failed == ["last_sequence"]

    async with lonely_queue(tmp_path, engine) as queue:
        queue.faults.arm("events", when)
        async with queue.client.watch(after_sequence=0) as watch:
            with pytest.raises(ClipferryError) as broken_off:
                await watch.item("event")
        async with queue.client.watch(after_sequence=0) as watch:
            event = await watch.item("event")

    assert broken_off.value.reason is Reason.STORE_UNAVAILABLE
    assert event.sequence == 1
