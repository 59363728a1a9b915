"""The stream of jobs: of several kinds and sizes, some that must fail, some cancelled, some asked for twice."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from clipferry.queue.v1 import job_pb2
from sandbox.site.samples import SAMPLES
from tests.processes.chaos_jobs import ChaosJobs
from tests.processes.chaos_truth import Ending

ENDLESS = "/endless.mp4"
"""Whose jobs only end by a cancel."""
WEIGHTS: Mapping[str, int] = {
    "/media/clip.mp4": 8,
    "/pages/video": 6,
    "/redirect/3/media/clip.mp4": 3,
    "/chunked/clip.mp4": 3,
    "/media/silent.mp4": 3,
    "/media/hls/index.m3u8": 3,
    "/media/dash/index.mpd": 2,
    "/throttled/400/clip.mp4": 2,
    "/media/vp9.webm": 1,
    "/gone": 3,
    "/pages/no-video": 2,
    "/huge.mp4": 2,
    "/huge-chunked.mp4": 1,
    "/media/hls-broken/index.m3u8": 1,
    ENDLESS: 3,
}
"""How often each page is taken. A re-encoding is rare: it would take the machine for itself."""
_REASONS = {sample.path: sample.reason for sample in SAMPLES}
_CLIENT_COUNT = 6
_CANCEL_ONE_IN = 15
_DOUBLE_ONE_IN = 10
_CANCEL_WITHIN_S = 2.0
_JOB_WITHIN_S = 180.0


class Stream:
    """Jobs that follow each other.

    Args:
        seed: Of what is taken, and when.
    """

    def __init__(self, jobs: ChaosJobs, seed: int) -> None:
        self._jobs = jobs
        self._chance = random.Random(seed)
        self._paths: dict[str, str] = {}
        self._ended: dict[str, job_pb2.Job | None] = {}
        self.cancel_asked: set[str] = set()
        """Markers of the jobs whose end was asked for."""
        self.asked_twice_count = 0
        """Jobs that were submitted twice at once, under one key."""
        self.doubts: list[str] = []
        """What went wrong on the way, one line each."""

    @property
    def ids(self) -> Mapping[str, str]:
        """Ids by marker."""
        return {marker: name.removeprefix("jobs/") for marker, name in self._jobs.names.items()}

    async def each_once(self) -> None:
        """Let a job of every kind go its way."""
        async with asyncio.TaskGroup() as clients:
            for number, path in enumerate(WEIGHTS):
                clients.create_task(self._job(f"first-{number}", path, is_cancelled=path == ENDLESS))

    async def run(self, until_s: float) -> None:
        """Let clients submit job after job until that moment of the monotonic clock; ends once all jobs have."""
        markers = self._markers(until_s)
        async with asyncio.TaskGroup() as clients:
            for _ in range(_CLIENT_COUNT):
                clients.create_task(self._client(markers))

    def endings(self) -> dict[str, Ending]:
        """Return how each job has ended, from both sides, by marker. Note the messages before."""
        by_caption = self._jobs.messages.by_caption()
        return {marker: Ending(job, by_caption.get(marker, ())) for marker, job in self._ended.items()}

    def surprises(self, endings: Mapping[str, Ending]) -> Sequence[str]:
        """Return who has ended otherwise than its page says, one line each."""
        found = []
        for marker, ending in endings.items():
            path = self._paths[marker]
            reason = ending.job.error.reason if ending.job is not None else ""
            as_page_says = reason == _REASONS[path] if path in _REASONS else ending.state == "COMPLETED"
            was_cancelled = ending.state == "CANCELLED" and marker in self.cancel_asked
            if not (as_page_says and ending.state != "CANCELLED") and not was_cancelled:
                found.append(f"{marker}: {path} is {ending.state} {reason}")
        return found

    def shares(self) -> Counter[str]:
        """Return how many jobs there were of each page."""
        return Counter(self._paths.values())

    def _markers(self, until_s: float) -> Iterator[str]:
        number = 0
        while time.monotonic() < until_s:
            yield f"soak-{number}"
            number += 1

    async def _client(self, markers: Iterator[str]) -> None:
        paths, weights = list(WEIGHTS), list(WEIGHTS.values())
        for marker in markers:
            path = self._chance.choices(paths, weights)[0]
            is_cancelled = path == ENDLESS or self._chance.randrange(_CANCEL_ONE_IN) == 0
            await self._job(marker, path, is_cancelled=is_cancelled)

    async def _job(self, marker: str, path: str, *, is_cancelled: bool) -> None:
        self._paths[marker] = path
        if self._chance.randrange(_DOUBLE_ONE_IN) == 0:
            self.asked_twice_count += 1
            names = await asyncio.gather(self._jobs.submit(marker, path), self._jobs.submit(marker, path))
            if names[0] != names[1]:
                self.doubts.append(f"{marker}: asked for twice under one key, it is two jobs")
        else:
            await self._jobs.submit(marker, path)
        if is_cancelled:
            await asyncio.sleep(self._chance.uniform(0, _CANCEL_WITHIN_S))
            self.cancel_asked.add(marker)
            await self._jobs.cancel(marker)
        try:
            await self._jobs.until_ended(marker, within_s=_JOB_WITHIN_S)
        except AssertionError as late:
            self.doubts.append(str(late))
        # At once: it is not kept for long.
        self._ended[marker] = await self._jobs.job(marker)
