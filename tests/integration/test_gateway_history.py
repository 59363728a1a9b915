"""What happened to a job, attempt by attempt, as the gateway tells it from the queue's log."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clipferry.queue.v1 import job_pb2
from clipferry.queue.v1.worker_service_pb2 import LeasedJob
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, assert_problem, queue_and_gateway
from tests.fakes.queue_client import WorkCall

STALLED = job_pb2.JobError(reason="STALLED", message="No bytes arrived for 30 s.", retryable=True)
GONE = job_pb2.JobError(reason="GONE", message="The page is gone.")
DELIVERY = {"chat_id": 1, "message_id": 2, "size_bytes": 3}


class Worker:
    """Runs one job after another as a test says."""

    def __init__(self, call: WorkCall) -> None:
        self._call = call
        self._numbers = itertools.count(1)

    async def run(self) -> LeasedJob:
        """Take the next job."""
        await self._call.ready(1)
        return await self._call.run()

    async def hand_back(self, run: LeasedJob) -> None:
        """Give a run back unfinished."""
        await self._call.move(next(self._numbers), release_jobs={"leases": [run.lease]})

    async def move(self, run: LeasedJob, kind: str, **fields: Any) -> None:
        """Ask for a move of a run."""
        await self._call.move(next(self._numbers), **{kind: {"lease": run.lease, **fields}})


@asynccontextmanager
async def world(folder: Path, **queue_settings: Any) -> AsyncIterator[tuple[GatewayClient, Worker]]:
    """Run a queue, a gateway and a worker for the length of the block."""
    told = {"retry_backoff_s": 0, **queue_settings}
    async with queue_and_gateway(folder, told) as (queue, admin):
        call = queue.work.Work(timeout=60, metadata=queue.link.metadata)
        worker = WorkCall(call)
        await worker.say(hello={"worker_id": "worker-1", "slots": 3})
        await worker.told("welcome")
        yield admin, Worker(worker)
        call.cancel()


def told(history: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return kind, attempt and reason of each step."""
    return [(each["kind"], each["attempt"], (each["error"] or {}).get("code")) for each in history["steps"]]


async def test_each_attempt_tells_how_it_went(tmp_path: Path) -> None:
    """When, by which worker, how it ended and when the next begins; what a person does about it; and the end."""
    async with world(tmp_path) as (admin, worker):
        job = await admin.submit()
        await worker.hand_back(await worker.run())
        run = await worker.run()
        await worker.move(run, "resize_reservation", reserved_bytes=7)
        await worker.move(run, "fail_job", error=STALLED)
        run = await worker.run()
        await worker.move(run, "begin_send", media={})
        await worker.move(run, "fail_job", error=GONE)
        await admin.request("POST", f"{job['links']['self']}/retry")
        run = await worker.run()
        await worker.move(run, "begin_send", media={})
        await worker.move(run, "commit_send")
        await worker.move(run, "complete_job", delivery=DELIVERY)
        history = await admin.get(f"{job['links']['self']}/history")
        whole = await admin.get(job["links"]["self"])

    assert (history["jobId"], history["complete"]) == (job["id"], True)
    assert told(history) == [
        ("accepted", 0, None),
        ("started", 1, None),
        ("handed_back", 1, None),
        ("started", 1, None),
        ("retrying", 1, "STALLED"),
        ("started", 2, None),
        ("sending", 2, None),
        ("failed", 2, "GONE"),
        ("requeued", 2, None),
        ("started", 3, None),
        ("sending", 3, None),
        ("completed", 3, None),
    ]
    steps = history["steps"]
    assert [step["worker"] for step in steps] == [None, *["worker-1"] * 11]
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
    assert (steps[0]["at"], steps[9]["at"], steps[11]["at"]) == (
        whole["addedAt"], whole["startedAt"], whole["finishedAt"],
    )  # fmt: skip
    assert [bool(step["nextAttemptAt"]) for step in steps] == [step["kind"] == "retrying" for step in steps]


async def test_a_cancel_is_asked_for_and_then_done(tmp_path: Path) -> None:
    async with world(tmp_path) as (admin, worker):
        job = await admin.submit()
        run = await worker.run()
        await admin.request("DELETE", job["links"]["self"])
        await worker.move(run, "fail_job", error=GONE)
        history = await admin.get(f"{job['links']['self']}/history")

    assert [kind for kind, *_ in told(history)] == ["accepted", "started", "cancel_requested", "cancelled"]


async def test_what_is_not_kept_any_more_is_said(tmp_path: Path) -> None:
    """The log lets go of its oldest events; what it still has is told, and that it is not all."""
    kept = {"event_log_count": 2, "auto_cleanup_interval_ms": 100}
    async with world(tmp_path, **kept) as (admin, worker):
        job = await admin.submit()
        run = await worker.run()
        await worker.move(run, "begin_send", media={})

        async def is_cut() -> bool:
            return not (await admin.get(f"{job['links']['self']}/history"))["complete"]

        await eventually(is_cut, within_s=30, what="the log has let go of the first event")
        history = await admin.get(f"{job['links']['self']}/history")

    assert told(history) == [("accepted", 0, None), ("started", 1, None), ("sending", 1, None)]
    assert history["steps"][0]["at"] == job["addedAt"]


async def test_who_may_know(tmp_path: Path) -> None:
    """Its owner, without the name of a machine; nobody else."""
    async with world(tmp_path) as (admin, worker):
        ann, bob = await admin.invite("ann"), await admin.invite("bob")
        await admin.request("PATCH", "/api/admin/users/ann", json={"chats": ["*"]})
        job = await ann.submit()
        await worker.run()
        path = f"{job['links']['self']}/history"
        hers, all_of_it = await ann.get(path), await admin.get(path)
        assert_problem(await bob.request("GET", path), 404, "JOB_NOT_FOUND")
        assert_problem(await admin.request("GET", path.replace(job["id"], job["id"][:-1])), 404, "JOB_NOT_FOUND")

    assert told(hers) == told(all_of_it) == [("accepted", 0, None), ("started", 1, None)]
    assert [step["worker"] for step in hers["steps"]] == [None, None]
    assert all_of_it["steps"][1]["worker"] == "worker-1"
