"""Jobs to look at: a queue and a gateway, and a worker that says what a test wants it to say."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clipferry.queue.v1 import job_pb2
from clipferry.queue.v1.worker_service_pb2 import LeasedJob
from services.chassis.channel import open_link
from services.chassis.clock import SystemClock
from services.queue.service import queue_service
from tests.fakes.gateway_client import GatewayClient, gateway_at_hand
from tests.fakes.queue_client import QueueClient, WorkCall, settings_for

_WORKER_S = 60.0
SITE = "https://video.test"
MB = 1_000_000
MIB = 1_048_576
MEMORY = job_pb2.MemoryStats(
    current_bytes=96 * MIB,
    peak_bytes=164 * MIB,
    max_bytes=200 * MIB,
    max_per_video_bytes=50 * MIB,
    active_allocations=3,
)


class ShiftedClock(SystemClock):
    """The machine's, by which jobs can have happened a while ago. What it is behind may only become less.

    Args:
        behind_ms: By how much, at first.
    """

    def __init__(self, behind_ms: int) -> None:
        self.behind_ms = behind_ms

    def time_ms(self) -> int:
        return super().time_ms() - self.behind_ms


class Scene:
    """What the tests of the dashboard look at.

    Args:
        admin: Who sends the jobs.
        queue: Where they wait.
        worker: Who runs them.
        clock: The queue's.
    """

    def __init__(self, admin: GatewayClient, queue: QueueClient, worker: WorkCall, clock: ShiftedClock) -> None:
        self.admin = admin
        self.queue = queue
        self.worker = worker
        self.clock = clock
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        """Of the dashboard."""
        return f"http://127.0.0.1:{self.admin.port}/"

    async def run(self, path: str = "", **body: Any) -> LeasedJob:
        """Let the worker take the next job: a new one for `path`, or one that waits already."""
        if path:
            await self.submit(path, **body)
        await self.worker.ready(1, free_bytes=104 * MIB, memory=MEMORY)
        return await self.worker.run()

    async def submit(self, path: str, **body: Any) -> Any:
        """Send a page of the site; returns the job."""
        response = await self.admin.request("POST", "/api/jobs", json={"url": f"{SITE}/{path}", **body})
        assert response.status_code == 202, response.text
        return response.json()

    async def move(self, **kind: Any) -> Any:
        """Let the worker ask for a move."""
        return await self.worker.move(next(self._numbers), **kind)

    async def progress(
        self, run: LeasedJob, stage: str, percent: float, *, done_mb: float = 0, of_mb: float = 0, **words: str
    ) -> None:
        """Let the worker tell how far it is; `words` are its message and the video's title."""
        progress = job_pb2.Progress(
            stage=f"STAGE_{stage.upper()}",
            percent=percent,
            done_bytes=round(done_mb * MB),
            total_bytes=round(of_mb * MB),
            bytes_per_second=round(3.4 * MB) if of_mb else 0,
            **words,  # type: ignore[arg-type] # mypy takes them for any of its fields
        )
        await self.worker.say(beats=[{"lease": run.lease, "progress": progress}])

    async def deliver(self, run: LeasedJob, title: str = "A film", *, seconds: int = 95, size_mb: float = 12.4) -> None:
        """Let the worker send the video."""
        media = job_pb2.Media(title=title, width=1280, height=720, size_bytes=round(size_mb * MB), extractor="generic")
        media.duration.FromSeconds(seconds)
        await self.move(begin_send={"lease": run.lease, "media": media})
        await self.move(commit_send={"lease": run.lease})
        delivery = {"chat_id": -1001234567890, "message_id": next(self._numbers), "size_bytes": media.size_bytes}
        await self.move(complete_job={"lease": run.lease, "delivery": delivery})

    async def fail(self, run: LeasedJob, reason: str, message: str, *, retryable: bool = False) -> None:
        """Let the worker give up on a run."""
        error = job_pb2.JobError(reason=reason, message=message, retryable=retryable)
        await self.move(fail_job={"lease": run.lease, "error": error})

    async def fail_unknown(self, run: LeasedJob) -> None:
        """Let the video be sent, and nobody know whether it arrived."""
        await self.move(begin_send={"lease": run.lease, "media": job_pb2.Media(title="A film", width=640, height=360)})
        await self.move(commit_send={"lease": run.lease})
        await self.fail(run, "DELIVERY_UNKNOWN", "It may have been sent.")


@asynccontextmanager
async def scene(
    folder: Path, *, behind_min: int = 0, queue_settings: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Scene]:
    """Run a queue, a gateway and a worker for the length of the block. The admin may send as often as a test likes.

    Args:
        folder: Where they keep their data.
        behind_min: By how much the queue's clock is behind at first.
        queue_settings: Of the queue.
        settings: Of the gateway.
    """
    clock = ShiftedClock(behind_min * 60_000)
    told = {"submits_per_min": 0, "requests_per_min": 0, "address_requests_per_min": 0, **settings}
    async with (
        queue_service(
            settings_for(
                folder, **{"drain_s": 0.2, "retry_backoff_s": 0, "lease_ttl_s": 300, **(queue_settings or {})}
            ),
            clock,
        ) as port,
        open_link(f"127.0.0.1:{port}") as link,
        gateway_at_hand(folder, port, **told) as admin,
    ):
        queue = QueueClient(link)
        call = queue.work.Work(timeout=_WORKER_S, metadata=link.metadata)
        worker = WorkCall(call)
        await worker.say(hello={"worker_id": "worker-1", "slots": 3, "memory_limit_bytes": 200 * MIB})
        try:
            await worker.told("welcome")
            yield Scene(admin, queue, worker, clock)
        finally:
            call.cancel()


HALF_HOUR_MIN = 30
_MS_PER_MB = 620
"""What a job takes on an ordinary line."""
DELIVERED: Mapping[int, tuple[str, int, float]] = {
    27: ("Tide tables of the northern ferry", 95, 12.4),
    26: ("How a lighthouse lens is ground", 612, 48.1),
    22: ("Harbour pilots, part one", 1_820, 49.6),
    21: ("Knots for people in a hurry", 74, 6.2),
    17: ("Interview with a cartographer", 2_410, 49.9),
    14: ("Night crossing", 41, 9.7),
    13: ("Building a wooden dinghy", 905, 44.0),
    9: ("What the foghorn says", 63, 5.5),
    8: ("Sea ice from above", 154, 31.2),
    4: ("A short history of the sextant", 388, 27.3),
}
"""By how many minutes ago: title, length in seconds, size in MB."""
FAILED: Mapping[int, tuple[str, str, str]] = {
    24: ("members/42", "AUTH_REQUIRED", "The site asks for a sign-in: use a page that is public."),
    12: ("articles/on-buoys", "NO_VIDEO", "There is no video on the page."),
    6: ("archive/the-whole-voyage", "VIDEO_TOO_LARGE", "The video has 812000000 bytes; the limit is 50000000 bytes."),
}
"""By how many minutes ago: path, reason, message."""


async def busy(stage: Scene) -> list[LeasedJob]:
    """Let it be an ordinary half hour, in a scene that began `HALF_HOUR_MIN` behind.

    Ten jobs were delivered, three failed, one was cancelled; three run, two wait.

    Returns:
        The three that run.
    """
    for minutes in sorted([*DELIVERED, *FAILED], reverse=True):
        stage.clock.behind_ms = minutes * 60_000
        if minutes in DELIVERED:
            title, seconds, size_mb = DELIVERED[minutes]
            run = await stage.run(f"watch/{title.lower().replace(' ', '-')}")
            stage.clock.behind_ms -= round(size_mb * _MS_PER_MB)
            await stage.deliver(run, title, seconds=seconds, size_mb=size_mb)
        else:
            path, reason, message = FAILED[minutes]
            await stage.fail(await stage.run(path), reason, message)
    stage.clock.behind_ms = 3 * 60_000
    await stage.queue.cancel(f"jobs/{(await stage.submit('watch/sent-by-mistake'))['id']}")
    stage.clock.behind_ms = 60_000
    runs = [await stage.run(path) for path in ("watch/the-long-way-round", "watch/gulls", "watch/storm-season")]
    for path in ("watch/a-quiet-harbour", "live/quay-camera"):
        await stage.submit(path)
    stage.clock.behind_ms = 0
    await stage.progress(runs[0], "downloading", 34.0, done_mb=18.2, of_mb=46.9)
    await stage.progress(runs[1], "transcoding", 61.0)
    await stage.progress(runs[2], "sending", 88.0, done_mb=21.0, of_mb=27.5)
    return runs
