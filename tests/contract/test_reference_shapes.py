"""Key by key and type by type: what clients of the Node queue system (version 4.0) read is still there.

The table is copied from that system's documentation. Ours may stand beside it; nothing of it may be missing.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2
from gateway.views.state import STATES_BY_STATUS, STATUS_BY_STATE
from tests.fakes.gateway_client import GatewayClient, queue_and_gateway
from tests.fakes.queue_client import QueueClient

NUMBER = (int, float)

MEMORY = {
    "current": int,
    "currentFormatted": str,
    "peak": int,
    "peakFormatted": str,
    "max": int,
    "maxFormatted": str,
    "utilization": int,
    "activeAllocations": int,
    "maxPerVideo": int,
    "maxPerVideoFormatted": str,
}

QUEUE_STATS = {
    "queued": int,
    "processing": int,
    "completed": int,
    "failed": int,
    "totalProcessed": int,
    "activeWorkers": int,
    "maxWorkers": int,
    "memoryUsage": int,
    "memoryUsageFormatted": str,
    "maxMemory": int,
    "maxMemoryFormatted": str,
    "memoryUtilization": int,
    "peakMemoryUsage": int,
    "peakMemoryFormatted": str,
    "uptime": int,
    "throughputPerMinute": NUMBER,
    "webSocket": dict,
    "realTimeUpdates": bool,
    "maxQueueSize": int,
    "memoryProcessing": bool,
    "autoCleanup": bool,
}

JOB = {
    "id": str,
    "videoData": dict,
    "userInfo": dict,
    "addedAt": str,
    "status": str,
    "progress": NUMBER,
    "estimatedSize": int,
}

RESULT = {
    "success": bool,
    "message": str,
    "processingTime": int,
    "metadata": dict,
    "telegramMessageId": int,
    "memoryProcessing": bool,
}

JOB_PROGRESS = {"type": str, "jobId": str, "progress": NUMBER, "message": str, "timestamp": str}
JOB_FINISHED = {"type": str, "jobId": str, "status": str, "result": dict, "timestamp": str}
QUEUE_STATS_MESSAGE = {"type": str, "queued": int, "processing": int, "memoryUsage": str, "timestamp": str}

MEBIBYTE = 1024 * 1024
SAMPLE = job_pb2.MemoryStats(
    current_bytes=45 * MEBIBYTE,
    peak_bytes=75 * MEBIBYTE,
    max_bytes=200 * MEBIBYTE,
    active_allocations=3,
    max_per_video_bytes=50 * MEBIBYTE,
)


def assert_holds(shown: dict[str, Any], reference: dict[str, Any]) -> None:
    """Check that every key of the reference is shown with its type (a bool is no number)."""
    assert reference.keys() - shown.keys() == set()
    for key, expected in reference.items():
        value = shown[key]
        assert isinstance(value, expected), (key, value)
        assert expected is bool or not isinstance(value, bool), (key, value)


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[QueueClient, GatewayClient]]:
    async with queue_and_gateway(tmp_path) as opened:
        yield opened


async def test_stats_and_health(both: tuple[QueueClient, GatewayClient]) -> None:
    """Also the values: the documentation's own example of memory statistics comes out letter by letter."""
    queue, admin = both
    async with queue.worker(memory_limit_bytes=200 * MEBIBYTE) as worker:
        await worker.ready(free_bytes=155 * MEBIBYTE, memory=SAMPLE)
        await worker.move(1, release_jobs={"leases": []})
        stats = await admin.get("/api/queue/stats")
        memory = await admin.get("/api/memory/stats")
        health = await admin.get("/health")
        async with admin.socket() as socket:
            await socket.say(type="subscribeToMemory")
            pushed = (await socket.hear("subscribed"))["snapshot"]

    assert_holds(stats, QUEUE_STATS)
    assert_holds(pushed, MEMORY | {"type": str, "timestamp": str})
    assert_holds(memory, MEMORY)
    assert_holds(health["memory"], MEMORY)
    assert {key: memory[key] for key in MEMORY} == {
        "current": 47185920,
        "currentFormatted": "45 MB",
        "peak": 78643200,
        "peakFormatted": "75 MB",
        "max": 209715200,
        "maxFormatted": "200 MB",
        "utilization": 22,
        "activeAllocations": 3,
        "maxPerVideo": 52428800,
        "maxPerVideoFormatted": "50 MB",
    }


async def test_the_job_its_progress_and_its_result(both: tuple[QueueClient, GatewayClient]) -> None:
    queue, admin = both
    async with queue.worker() as worker, admin.socket("jobs", "queue") as socket:
        job = await admin.submit()
        await worker.ready()
        lease = (await worker.run()).lease
        await worker.beat(lease, 50)
        progress = await socket.hear("job:progress")
        media = {"title": "A film", "width": 640, "height": 360, "size_bytes": 1_000}
        await worker.move(1, begin_send={"lease": lease, "media": media})
        await worker.move(2, commit_send={"lease": lease})
        await worker.move(3, complete_job={"lease": lease, "delivery": {"chat_id": 1, "message_id": 2}})
        finished = await socket.hear("job:finished")
        stats = await socket.hear("queue:stats")
        ended = await admin.get(f"/api/jobs/{job['id']}")

    assert_holds(job, JOB)
    assert_holds(job["videoData"], {"pageUrl": str})
    assert_holds(progress, JOB_PROGRESS)
    assert_holds(finished, JOB_FINISHED)
    assert_holds(finished["result"], RESULT)
    assert_holds(stats, QUEUE_STATS_MESSAGE)
    assert_holds(stats["stats"], QUEUE_STATS)
    assert ended["result"] == finished["result"]
    assert ended["status"] == finished["status"] == "completed"


def test_states_are_the_references_five() -> None:
    """SENDING shows as processing and RETRY_WAIT as queued."""
    assert set(STATES_BY_STATUS) == {"queued", "processing", "completed", "failed", "cancelled"}
    for status, states in STATES_BY_STATUS.items():
        assert [STATUS_BY_STATE[state] for state in states] == [status] * len(states)
    assert set(STATUS_BY_STATE) == set(job_pb2.JobState.values())
