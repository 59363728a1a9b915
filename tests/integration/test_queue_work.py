"""WorkerService as a processor sees it: leases, beats, cancels and moves, on the stream and one by one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.errors import ClipferryError, Reason
from services.chassis.status import from_status, remote_errors
from tests.fakes.clock import FakeClock
from tests.fakes.queue_client import QueueClient, queue_at_hand

STALLED = job_pb2.JobError(reason="STALLED", message="No bytes arrived.", retryable=True)
CANCELLED = job_pb2.JobError(reason="CANCELLED", message="The job was cancelled.")
DELIVERY = job_pb2.Delivery(chat_id=1, message_id=2)

SHORT = {"lease_ttl_s": 0.6, "beat_interval_s": 0.2, "reap_interval_s": 0.05, "retry_backoff_s": 0}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[QueueClient]:
    async with queue_at_hand(tmp_path) as opened:
        yield opened


async def test_a_job_goes_to_a_worker_that_waits(client: QueueClient) -> None:
    async with client.worker() as worker:
        await worker.ready()
        job = await client.submit(spec=job_pb2.JobSpec(url="https://video.test/1", timeout={"seconds": 60}))
        run = await worker.run()

    assert run.lease == worker_service_pb2.Lease(job_name=job.name, token=1)
    assert (run.lease_ttl.seconds, run.run_timeout.seconds) == (30, 60)
    assert (run.job.state, run.job.attempt, run.job.spec.url) == (job_pb2.JOB_STATE_PROCESSING, 1, job.spec.url)


async def test_a_worker_gets_as_many_as_it_has_credits(client: QueueClient) -> None:
    for number in range(3):
        await client.submit(f"https://video.test/{number}")
    async with client.worker() as worker:
        await worker.ready(2)
        await worker.run()
        await worker.run()
        stats = (await client.call(client.queue.GetStats, queue_service_pb2.GetStatsRequest())).stats
        assert stats.jobs_by_state == {"QUEUED": 1, "PROCESSING": 2}
        await worker.ready(1)
        await worker.run()


async def test_the_last_move_of_a_run_brings_the_next(client: QueueClient) -> None:
    """The credit stands in the same message: it is good once the run is over."""
    for number in range(2):
        await client.submit(f"https://video.test/{number}")
    async with client.worker(slots=1) as worker:
        await worker.ready(1)
        first = await worker.run()
        complete = worker_service_pb2.CompleteJobRequest(lease=first.lease, delivery=DELIVERY)
        await worker.say(
            ready=worker_service_pb2.Ready(free_slots=1, free_bytes=1 << 30),
            moves=[worker_service_pb2.Move(correlation_id=1, complete_job=complete)],
        )
        second = await worker.run()

    assert second.lease.job_name != first.lease.job_name
    assert (await client.get(first.lease.job_name)).state == job_pb2.JOB_STATE_COMPLETED


async def test_jobs_wait_for_memory(client: QueueClient) -> None:
    """A worker without room for a video of unknown size gets none until it has room."""
    await client.submit()
    memory = job_pb2.MemoryStats(max_per_video_bytes=50)
    async with client.worker(memory_limit_bytes=200) as worker:
        await worker.ready(3, free_bytes=49, memory=memory)
        await worker.move(1, release_jobs={"leases": []})
        assert (await client.call(client.queue.GetStats, queue_service_pb2.GetStatsRequest())).stats.slots_busy == 0
        await worker.ready(3, free_bytes=50, memory=memory)
        assert (await worker.run()).reserved_bytes == 50


async def test_a_worker_pauses_between_two_jobs(tmp_path: Path) -> None:
    """WORKER_SPAWN_DELAY: the second comes that much later than the first could come."""
    async with queue_at_hand(tmp_path, worker_spawn_delay_ms=300) as client, client.worker() as worker:
        for number in range(2):
            await client.submit(f"https://video.test/{number}")
        begun_at_s = asyncio.get_running_loop().time()
        await worker.ready()
        await worker.run()
        await worker.run()
        assert asyncio.get_running_loop().time() - begun_at_s >= 0.295


async def test_a_cancel_is_pushed_and_obeyed(client: QueueClient) -> None:
    async with client.worker() as worker:
        await worker.ready()
        job = await client.submit()
        run = await worker.run()

        flagged = await client.cancel(job.name)
        assert (await worker.told("cancels")).lease == run.lease
        refused = await worker.move(1, begin_send={"lease": run.lease})
        await worker.move(2, fail_job={"lease": run.lease, "error": CANCELLED})

    assert (flagged.state, flagged.cancel_requested) == (job_pb2.JOB_STATE_PROCESSING, True)
    assert from_status(refused.error).reason is Reason.CANCEL_REQUESTED
    assert (await client.get(job.name)).state == job_pb2.JOB_STATE_CANCELLED


async def test_a_finish_is_pushed(client: QueueClient) -> None:
    async with client.worker() as worker:
        await worker.ready()
        job = await client.submit(spec=job_pb2.JobSpec(url="https://video.test/live", allow_live=True))
        run = await worker.run()

        finished = await client.call(client.queue.FinishJob, queue_service_pb2.FinishJobRequest(name=job.name))

        assert (await worker.told("finishes")).lease == run.lease
        assert finished.job.finish_requested


async def test_a_silent_worker_loses_its_run_and_another_takes_it(tmp_path: Path) -> None:
    """The one that fell silent is told, and whatever it asks with its old lease changes nothing."""
    clock = FakeClock()
    async with queue_at_hand(tmp_path, clock=clock, **SHORT) as client, client.worker("silent") as silent:
        await silent.ready(1)
        job = await client.submit()
        old = await silent.run()
        async with client.worker("other") as other:
            await other.ready(1)
            clock.advance(SHORT["lease_ttl_s"] + 0.1)
            assert (await silent.told("lost")).lease == old.lease
            new = await other.run()
            refused = await silent.move(1, complete_job={"lease": old.lease, "delivery": DELIVERY})
            shown = await client.get(job.name)

    assert new.lease.token == old.lease.token + 1
    assert from_status(refused.error).reason is Reason.LEASE_LOST
    assert (shown.state, shown.attempt) == (job_pb2.JOB_STATE_PROCESSING, 2)


async def test_a_beating_worker_keeps_its_run(tmp_path: Path) -> None:
    """The run outlives several leases; however often the worker beats, a lease is renewed about each third of it."""
    clock = FakeClock()
    async with queue_at_hand(tmp_path, clock=clock, **SHORT) as client, client.worker() as worker:
        await worker.ready(1)
        job = await client.submit()
        run = await worker.run()
        for beat in range(15):
            clock.advance(0.1)
            await worker.beat(run.lease)
            await worker.move(beat, resize_reservation={"lease": run.lease})  # its answer comes after the beat

        assert (await client.get(job.name)).attempt == 1
        assert 3 <= worker.heard_count("renewed") <= 8


async def test_a_broken_stream_hands_nothing_back(client: QueueClient) -> None:
    """The worker comes back, says what it holds, and goes on with the same token; what it lost it is told."""
    async with client.worker() as worker:
        await worker.ready()
        await client.submit()
        run = await worker.run()
    stale = worker_service_pb2.Lease(job_name=run.lease.job_name, token=9)

    async with client.worker(leases=[run.lease, stale]) as worker:
        assert (await worker.told("renewed")).lease == run.lease
        assert (await worker.told("lost")).lease == stale
        answer = await worker.move(1, begin_send={"lease": run.lease, "size_bytes": 3})

    assert answer.WhichOneof("kind") == "begin_send"


async def test_a_restart_keeps_runs(tmp_path: Path) -> None:
    """The queue goes and comes back; the worker's lease is still its own, and a cancel from between reaches it."""
    async with queue_at_hand(tmp_path) as client, client.worker() as worker:
        await worker.ready()
        await client.submit()
        run = await worker.run()
    async with queue_at_hand(tmp_path) as client:
        await client.cancel(run.job.name)
        async with client.worker(leases=[run.lease]) as worker:
            assert (await worker.told("renewed")).lease == run.lease
            assert (await worker.told("cancels")).lease == run.lease
            await worker.move(1, fail_job={"lease": run.lease, "error": CANCELLED})
        assert (await client.get(run.job.name)).state == job_pb2.JOB_STATE_CANCELLED


async def test_a_newer_stream_of_the_same_worker_ends_the_older(client: QueueClient) -> None:
    async with client.worker() as older, client.worker() as newer:
        assert not await older.call.read()
        await newer.ready()
        await client.submit()
        await newer.run()


async def test_moves_of_one_message_are_answered_together(client: QueueClient) -> None:
    async with client.worker() as worker:
        await worker.ready()
        await client.submit()
        run = await worker.run()
        await worker.say(
            moves=[
                worker_service_pb2.Move(correlation_id=7, begin_send={"lease": run.lease, "size_bytes": 3}),
                worker_service_pb2.Move(correlation_id=8),
                worker_service_pb2.Move(correlation_id=9, resize_reservation={"lease": run.lease, "reserved_bytes": 4}),
                worker_service_pb2.Move(correlation_id=10, release_jobs={"leases": [run.lease]}),
            ]
        )
        message = await worker.call.read()

    answers = {answer.correlation_id: answer for answer in message.answers}
    assert answers[7].HasField("begin_send")
    assert from_status(answers[8].error).reason is Reason.FIELD_INVALID
    assert answers[9].resize_reservation.reserved_bytes == 4
    assert answers[10].release_jobs.released_count == 1


async def test_a_worker_that_half_closes_still_gets_its_answers(client: QueueClient) -> None:
    async with client.worker() as worker:
        await worker.ready()
        job = await client.submit()
        run = await worker.run()
        await worker.say(moves=[worker_service_pb2.Move(correlation_id=1, begin_send={"lease": run.lease})])
        await worker.call.done_writing()
        assert (await worker.told("answers")).HasField("begin_send")
        assert not await worker.call.read()

    assert (await client.get(job.name)).state == job_pb2.JOB_STATE_SENDING


async def test_a_stream_ends_by_itself(tmp_path: Path) -> None:
    async with queue_at_hand(tmp_path, work_max_age_s=0.2) as client, client.worker() as worker:
        assert not await worker.call.read()


@pytest.mark.parametrize(
    ("first", "field"),
    [
        ({"ready": {"free_slots": 1}}, "hello"),
        ({"hello": {"slots": 1}}, "hello.worker_id"),
        ({"hello": {"worker_id": "w"}}, "hello.slots"),
    ],
)
async def test_a_stream_starts_with_a_whole_hello(client: QueueClient, first: dict[str, object], field: str) -> None:
    call = client.work.Work(metadata=client.link.metadata)
    await call.write(worker_service_pb2.WorkerMessage(**first))  # type: ignore[arg-type] # dicts for messages
    with pytest.raises(ClipferryError) as refused, remote_errors():
        await call.read()

    assert refused.value.metadata["field"] == field


async def test_every_move_has_a_unary_twin(client: QueueClient) -> None:
    """The same code behind: as grpcurl and a fallback use it."""
    async with client.worker() as worker:
        await worker.ready()
        await client.submit("https://video.test/1")
        lease = (await worker.run()).lease
        resized = await client.call(
            client.work.ResizeReservation,
            worker_service_pb2.ResizeReservationRequest(lease=lease, reserved_bytes=5),
        )
        media = job_pb2.Media(title="A film", width=640)
        begin = worker_service_pb2.BeginSendRequest(lease=lease, size_bytes=3, media=media)
        await client.call(client.work.BeginSend, begin)
        await client.call(client.work.CommitSend, worker_service_pb2.CommitSendRequest(lease=lease))
        complete = worker_service_pb2.CompleteJobRequest(lease=lease, delivery=DELIVERY)
        completed = await client.call(client.work.CompleteJob, complete)
        again = await client.call(client.work.CompleteJob, complete)

        await client.submit("https://video.test/2")
        failing = (await worker.run()).lease
        fail = worker_service_pb2.FailJobRequest(lease=failing, error=STALLED, retry_after={"seconds": 100})
        failed = await client.call(client.work.FailJob, fail)

        await client.submit("https://video.test/3")
        releasing = (await worker.run()).lease
        released = await client.call(
            client.work.ReleaseJobs, worker_service_pb2.ReleaseJobsRequest(leases=[releasing, failing])
        )

    assert resized.reserved_bytes == 5
    assert completed == again
    assert (completed.job.media, completed.job.estimated_bytes) == (media, 3)
    assert (failed.job.state, failed.job.error) == (job_pb2.JOB_STATE_RETRY_WAIT, STALLED)
    assert failed.job.next_attempt_time.seconds - failed.job.update_time.seconds >= 99
    assert released.released_count == 1


@pytest.mark.parametrize(
    ("method", "request_", "reason"),
    [
        ("BeginSend", worker_service_pb2.BeginSendRequest(), Reason.LEASE_LOST),
        ("CommitSend", worker_service_pb2.CommitSendRequest(), Reason.LEASE_LOST),
        ("CompleteJob", worker_service_pb2.CompleteJobRequest(), Reason.FIELD_INVALID),
        ("FailJob", worker_service_pb2.FailJobRequest(), Reason.FIELD_INVALID),
        ("ReleaseJobs", worker_service_pb2.ReleaseJobsRequest(leases=[worker_service_pb2.Lease()]), Reason.LEASE_LOST),
        ("ResizeReservation", worker_service_pb2.ResizeReservationRequest(reserved_bytes=-1), Reason.FIELD_INVALID),
    ],
)
async def test_bad_unary_moves(client: QueueClient, method: str, request_: object, reason: Reason) -> None:
    with pytest.raises(ClipferryError) as refused:
        await client.call(getattr(client.work, method), request_)

    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ({"error": {}}, "error.reason"),
        ({"error": {"reason": "made up!"}}, "made up!"),
        ({"error": {"reason": "STALLED"}, "retry_after": {"seconds": -5}}, "at least 0 s"),
    ],
)
async def test_a_failure_that_says_nonsense_is_refused(client: QueueClient, failure: Any, message: str) -> None:
    async with client.worker() as worker:
        await worker.ready()
        await client.submit()
        lease = (await worker.run()).lease

        request = worker_service_pb2.FailJobRequest(lease=lease, **failure)
        with pytest.raises(ClipferryError, match=message) as refused:
            await client.call(client.work.FailJob, request)

    assert refused.value.reason is Reason.FIELD_INVALID


async def test_a_wait_of_years_is_a_day(client: QueueClient) -> None:
    """However long a site asks to wait, and however much it says."""
    async with client.worker() as worker:
        await worker.ready()
        await client.submit()
        lease = (await worker.run()).lease
        request = worker_service_pb2.FailJobRequest(
            lease=lease, error=job_pb2.JobError(reason="RATE_LIMITED", message="m" * 9_000, retryable=True)
        )
        request.retry_after.seconds = 10**9

        job = (await client.call(client.work.FailJob, request)).job

    wait_s = job.next_attempt_time.seconds - job.update_time.seconds
    assert 86_400 <= wait_s <= 1.25 * 86_400
    assert len(job.error.message) == 1_000


async def test_no_slot_is_idle_because_one_owner_has_enough(tmp_path: Path) -> None:
    """Behind the jobs of an owner who may run no more stands one of another: it gets the second slot at once."""
    async with queue_at_hand(tmp_path, max_per_owner_running=1) as client, client.worker() as worker:
        for number in range(8):
            await client.submit(f"https://video.test/{number}", spec=urgent(number))
        await client.submit("https://video.test/bob", owner="bob")
        await worker.ready(2, free_bytes=1 << 30)

        owners = {(await worker.run()).job.owner for _ in range(2)}

    assert owners == {"ann", "bob"}


def urgent(number: int) -> job_pb2.JobSpec:
    return job_pb2.JobSpec(url=f"https://video.test/{number}", priority=5)
