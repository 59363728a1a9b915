"""QueueService as the gateway and people with grpcurl see it: real gRPC, real SQLite."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.channel import open_link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import background
from services.chassis.status import from_status
from services.queue.service import queue_service
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import eventually
from tests.fakes.queue_client import QueueClient, queue_at_hand, settings_for

NOBODYS = "jobs/01900000-0000-7000-8000-000000000000"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[QueueClient]:
    async with queue_at_hand(tmp_path) as opened:
        yield opened


async def test_a_submitted_job_is_as_it_was_asked_for(client: QueueClient) -> None:
    spec = job_pb2.JobSpec(url="https://video.test/1", destination="@channel", priority=3, caption="Hello")

    job = await client.submit(spec=spec, request_id="r")

    assert await client.get(job.name) == job
    assert (job.spec, job.owner, job.request_id) == (spec, "ann", "r")
    assert (job.state, job.version, job.attempt, job.max_attempts) == (job_pb2.JOB_STATE_QUEUED, 1, 0, 3)
    assert not job.HasField("progress")


async def test_a_repeated_submit_says_so(client: QueueClient) -> None:
    request = queue_service_pb2.SubmitJobRequest(request_id="r", spec=job_pb2.JobSpec(url="https://video.test/1"))

    first = await client.call(client.queue.SubmitJob, request)
    again = await client.call(client.queue.SubmitJob, request)

    assert (first.replayed, again.replayed) == (False, True)
    assert first.job == again.job


async def test_a_batch_answers_each_request_in_its_place(client: QueueClient) -> None:
    urls = ["https://video.test/1", "nonsense", "https://video.test/2"]
    requests = [queue_service_pb2.SubmitJobRequest(spec=job_pb2.JobSpec(url=url)) for url in urls]

    response = await client.call(client.queue.SubmitJobs, queue_service_pb2.SubmitJobsRequest(requests=requests))

    assert [result.WhichOneof("outcome") for result in response.results] == ["accepted", "error", "accepted"]
    error = from_status(response.results[1].error)
    assert (error.reason, error.metadata["field"]) == (Reason.FIELD_INVALID, "url")
    assert response.results[2].accepted.job.spec.url == urls[2]


@pytest.mark.parametrize(
    ("method", "request_", "reason"),
    [
        ("SubmitJob", queue_service_pb2.SubmitJobRequest(spec={"url": "ftp://video.test/"}), Reason.FIELD_INVALID),
        ("SubmitJob", queue_service_pb2.SubmitJobRequest(), Reason.FIELD_INVALID),
        ("GetJob", queue_service_pb2.GetJobRequest(name=NOBODYS), Reason.JOB_NOT_FOUND),
        ("GetJob", queue_service_pb2.GetJobRequest(name="7"), Reason.FIELD_INVALID),
        ("CancelJob", queue_service_pb2.CancelJobRequest(name=NOBODYS), Reason.JOB_NOT_FOUND),
        ("RetryJob", queue_service_pb2.RetryJobRequest(name=NOBODYS), Reason.JOB_NOT_FOUND),
        ("FinishJob", queue_service_pb2.FinishJobRequest(name=NOBODYS), Reason.JOB_NOT_FOUND),
        ("ListJobs", queue_service_pb2.ListJobsRequest(page_size=-1), Reason.FIELD_INVALID),
        ("ListJobs", queue_service_pb2.ListJobsRequest(page_token="ü"), Reason.FIELD_INVALID),
        ("ListJobs", queue_service_pb2.ListJobsRequest(changed_after_sequence=9), Reason.CURSOR_EXPIRED),
    ],
)
async def test_bad_requests(client: QueueClient, method: str, request_: object, reason: Reason) -> None:
    with pytest.raises(ClipferryError) as refused:
        await client.call(getattr(client.queue, method), request_)

    assert refused.value.reason is reason


async def test_somebody_elses_job_is_not_found(client: QueueClient) -> None:
    job = await client.submit()

    with pytest.raises(ClipferryError) as refused:
        await client.call(client.queue.GetJob, queue_service_pb2.GetJobRequest(name=job.name, owner="bob"))

    assert refused.value.reason is Reason.JOB_NOT_FOUND


async def test_only_a_live_recording_can_be_finished(client: QueueClient) -> None:
    """Of any other job a finish would be accepted and then do nothing."""
    job = await client.submit()
    live = await client.submit(spec=job_pb2.JobSpec(url="https://video.test/live", allow_live=True))

    with pytest.raises(ClipferryError, match="no live recording") as refused:
        await client.call(client.queue.FinishJob, queue_service_pb2.FinishJobRequest(name=job.name))
    with pytest.raises(ClipferryError, match="there is no recording to finish") as too_early:
        await client.call(client.queue.FinishJob, queue_service_pb2.FinishJobRequest(name=live.name))

    assert (refused.value.reason, too_early.value.reason) == (Reason.STATE_QUEUED, Reason.STATE_QUEUED)


async def test_pages_go_on_where_the_last_ended(client: QueueClient) -> None:
    names = [(await client.submit(f"https://video.test/{number}")).name for number in range(5)]
    seen: list[str] = []
    token = ""
    while True:
        request = queue_service_pb2.ListJobsRequest(owner="ann", page_size=2, page_token=token)
        page = await client.call(client.queue.ListJobs, request)
        seen.extend(job.name for job in page.jobs)
        token = page.next_page_token
        if not token:
            break

    assert seen == names[::-1]


async def test_a_full_queue(tmp_path: Path) -> None:
    """The refusal has both numbers and says when to come back."""
    async with queue_at_hand(tmp_path, max_queue_size=1) as client:
        await client.submit("https://video.test/1")

        with pytest.raises(ClipferryError, match="1 of 1 jobs wait") as refused:
            await client.submit("https://video.test/2")

    assert refused.value.metadata == {"queued": "1", "limit": "1"}
    assert refused.value.retry_after_s == 5


async def test_a_waiting_job_is_cancelled_at_once_and_can_be_retried(client: QueueClient) -> None:
    job = await client.submit()

    cancelled = await client.cancel(job.name)
    retried = await client.call(client.queue.RetryJob, queue_service_pb2.RetryJobRequest(name=job.name))

    assert cancelled.state == job_pb2.JOB_STATE_CANCELLED
    assert cancelled.expire_time.seconds - cancelled.end_time.seconds == 3_600
    assert retried.job.state == job_pb2.JOB_STATE_QUEUED
    assert not retried.job.HasField("end_time")


async def test_ended_jobs_are_forgotten_after_their_time(tmp_path: Path) -> None:
    """JOB_RETENTION, looked at each AUTO_CLEANUP_INTERVAL; a watcher keeps what it knows, a reader finds nothing."""
    clock = FakeClock()
    settings = {"job_retention_ms": 1_000, "auto_cleanup_interval_ms": 100}
    async with queue_at_hand(tmp_path, clock=clock, **settings) as client:
        job = await client.submit()
        await client.cancel(job.name)
        assert (await client.get(job.name)).state == job_pb2.JOB_STATE_CANCELLED
        clock.advance(1.5)

        async def gone() -> bool:
            listed = await client.call(client.queue.ListJobs, queue_service_pb2.ListJobsRequest())
            return not listed.jobs

        await eventually(gone)
        stats = (await client.call(client.queue.GetStats, queue_service_pb2.GetStatsRequest())).stats

    assert (stats.jobs_by_state, stats.total_processed) == ({}, 1)


# Watching


async def test_a_watch_shows_a_job_from_submit_to_end(client: QueueClient) -> None:
    """Every durable change once, in order; progress starts at 0 and never falls; nothing of the job after its end."""
    async with client.watch(include_progress=True) as watch, client.worker() as worker:
        await watch.item("sync")
        await client.submit()
        await worker.ready()
        run = await worker.run()
        assert (await watch.item("progress")).progress.percent == 0
        await worker.beat(run.lease, 40)
        shown = await watch.item("progress")
        assert (shown.progress.percent, shown.progress.stage) == (40, job_pb2.STAGE_DOWNLOADING)
        assert (shown.name, shown.owner, shown.attempt, shown.version) == (run.job.name, "ann", 1, 2)
        assert (await client.get(run.job.name)).progress == shown.progress
        delivery = job_pb2.Delivery(chat_id=1, message_id=2, size_bytes=3)
        await worker.move(1, begin_send={"lease": run.lease, "size_bytes": 3})
        await worker.move(2, commit_send={"lease": run.lease})
        await worker.move(3, complete_job={"lease": run.lease, "delivery": delivery})
        await worker.beat(run.lease, 99)
        events = [await watch.item("event") for _ in range(3)]

    assert [event.sequence for event in events] == [3, 4, 5]
    assert events[-1].job == await client.get(run.job.name)
    assert events[-1].job.delivery == delivery
    assert events[-1].job.state == job_pb2.JOB_STATE_COMPLETED


async def test_a_watch_goes_on_from_a_cursor(client: QueueClient) -> None:
    """What was missed comes first, then a mark, then what happens now."""
    for number in range(3):
        await client.submit(f"https://video.test/{number}")

    async with client.watch(after_sequence=1) as watch:
        missed = [(await watch.item("event")).sequence for _ in range(2)]
        mark = await watch.item("sync")
        await client.submit("https://video.test/new")
        new = await watch.item("event")

    assert (missed, mark.sequence, new.sequence) == ([2, 3], 3, 4)


async def test_a_cursor_outlives_a_restart(tmp_path: Path) -> None:
    async with queue_at_hand(tmp_path) as client:
        await client.submit("https://video.test/1")
        await client.submit("https://video.test/2")
    async with queue_at_hand(tmp_path) as client, client.watch(after_sequence=1) as watch:
        assert (await watch.item("event")).sequence == 2
        await client.submit("https://video.test/3")
        assert (await watch.item("event")).sequence == 3


async def test_a_watch_that_is_half_closed_goes_on(client: QueueClient) -> None:
    """As grpcurl does: one request, no more, and then it listens."""
    async with client.watch() as watch:
        await watch.call.done_writing()
        await watch.item("sync")
        await client.submit()

        assert (await watch.item("event")).sequence == 1


async def test_a_cursor_from_the_future_is_refused(client: QueueClient) -> None:
    async with client.watch(after_sequence=7) as watch:
        with pytest.raises(ClipferryError) as refused:
            await watch.item("event")

    assert refused.value.reason is Reason.CURSOR_EXPIRED


async def test_a_watch_sees_only_its_owners_and_can_change_them(client: QueueClient) -> None:
    async with client.watch(owners={"owners": ["bob"]}) as watch:
        await watch.item("sync")
        await client.submit("https://video.test/1")
        await client.submit("https://video.test/2", owner="bob")
        assert (await watch.item("event")).job.owner == "bob"
        await watch.call.write(queue_service_pb2.WatchJobsRequest(owners={"owners": ["ann"]}, include_stats=True))
        await client.submit("https://video.test/3")
        while (await watch.item("stats")).jobs_by_state["QUEUED"] < 3:
            pass
        await client.submit("https://video.test/4")
        assert (await watch.item("event")).job.spec.url == "https://video.test/4"


async def test_what_others_do_is_told_as_marks_and_not_as_one_for_each_change(client: QueueClient) -> None:
    """At most ten in a second, of which the last is soon and tells how far the log is."""
    async with client.watch(owners={"owners": ["bob"]}) as watch:
        await watch.item("sync")
        began_at_s = time.monotonic()
        marks: list[int] = []
        for number in range(40):
            await client.submit(f"https://video.test/of-ann-{number}")
        while not marks or marks[-1] < 40:
            marks.append((await watch.item("sync")).sequence)
        took_s = time.monotonic() - began_at_s

    assert len(marks) <= 2 + took_s / 0.1


async def test_a_watch_ends_by_itself_with_a_mark(tmp_path: Path) -> None:
    async with queue_at_hand(tmp_path, watch_max_age_s=0.2) as client:
        await client.submit()
        async with client.watch(after_sequence=0) as watch:
            items = await watch.rest()

    assert items[0].event.sequence == 1
    assert items[-1].sync.sequence == 1


async def test_draining_ends_watches_and_streams(tmp_path: Path) -> None:
    """A watcher gets its mark and a worker its word; nobody is cut off, and the stop does not wait for them."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with queue_service(settings_for(tmp_path, drain_s=30)) as number:
            port.set_result(number)
            await stop.wait()

    async with background(serve(), name="queue") as service, open_link(f"127.0.0.1:{await port}") as link:
        client = QueueClient(link)
        async with client.watch() as watch, client.worker() as worker:
            await watch.item("sync")
            stop.set()
            assert (await watch.item("sync")).sequence == 0
            await worker.told("drain")
            await asyncio.wait_for(asyncio.shield(service), 30)


async def test_stats_are_pushed_after_a_change_and_at_intervals(tmp_path: Path) -> None:
    async with queue_at_hand(tmp_path, stats_interval_s=0.2) as client, client.watch(include_stats=True) as watch:
        assert (await watch.item("stats")).jobs_by_state == {}
        await client.submit()
        while not (await watch.item("stats")).jobs_by_state:
            pass
        quiet = [await watch.item("stats") for _ in range(2)]

    assert all(stats.jobs_by_state == {"QUEUED": 1} for stats in quiet)


async def test_stats_hold_what_workers_say(client: QueueClient) -> None:
    memory = job_pb2.MemoryStats(current_bytes=30, peak_bytes=50, max_bytes=100, active_allocations=1)
    async with client.worker("one", versions={"yt-dlp": "2026.10.26"}, memory_processing=True) as one:
        await one.ready(memory=memory)
        job = await client.submit()
        run = await one.run()
        stats = (await client.call(client.queue.GetStats, queue_service_pb2.GetStatsRequest())).stats
        fail = worker_service_pb2.FailJobRequest(lease=run.lease, error=job_pb2.JobError(reason="NO_VIDEO"))
        await one.move(1, fail_job=fail)
        after = (await client.call(client.queue.GetStats, queue_service_pb2.GetStatsRequest())).stats

    assert job.name == run.job.name
    assert stats.jobs_by_state == {"PROCESSING": 1}
    assert (stats.workers, stats.slots_total, stats.slots_busy, stats.max_queue_size) == (1, 3, 1, 50)
    assert stats.memory == memory
    assert (stats.memory_processing, list(stats.ytdlp_versions)) == (True, ["2026.10.26"])
    assert (after.total_processed, after.throughput_per_minute, after.slots_busy) == (1, 1, 0)


async def test_stats_of_one_owner_tell_of_workers_and_of_no_other_owner(client: QueueClient) -> None:
    memory = job_pb2.MemoryStats(current_bytes=90, peak_bytes=95, max_bytes=100, max_per_video_bytes=50)
    async with client.worker("one", versions={"yt-dlp": "2026.10.26"}, memory_limit_bytes=100) as one:
        await one.ready(2, free_bytes=100, memory=memory)
        await client.submit(owner="bob")
        leases = {run.job.owner: run.lease for run in [await one.run()]}
        await client.submit()
        leases |= {run.job.owner: run.lease for run in [await one.run()]}
        for url in ("https://video.test/2", "https://video.test/3"):
            await client.submit(url, owner="bob")
        await one.move(1, resize_reservation={"lease": leases["ann"], "reserved_bytes": 7})
        request = queue_service_pb2.GetStatsRequest(owner="ann")
        answer = await client.call(client.queue.GetStats, request)
        await one.move(2, fail_job={"lease": leases["ann"], "error": job_pb2.JobError(reason="NO_VIDEO")})
        after = (await client.call(client.queue.GetStats, request)).stats

    stats, own = answer.stats, job_pb2.MemoryStats(current_bytes=7, max_bytes=100, active_allocations=1)
    own.max_per_video_bytes = 50
    assert stats.jobs_by_state == {"PROCESSING": 1}
    assert not stats.HasField("oldest_queued_age")
    assert (stats.memory, stats.throughput_per_minute, stats.total_processed) == (own, 0, 0)
    assert (stats.workers, stats.slots_total, stats.slots_busy, stats.max_queue_size) == (1, 3, 1, 50)
    assert list(stats.ytdlp_versions) == ["2026.10.26"]
    assert not answer.workers
    assert after.jobs_by_state == {"FAILED": 1}
    assert (after.memory.current_bytes, after.throughput_per_minute, after.total_processed) == (0, 1, 1)
