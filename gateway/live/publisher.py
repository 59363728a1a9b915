"""From what the queue streams to what clients hear."""

import asyncio
from collections.abc import Sequence

from clipferry.queue.v1 import job_pb2
from gateway.live.board import FINISHED, PROGRESS, Board, Shown
from gateway.live.frames import text_frame
from gateway.live.hub import Hub
from gateway.live.messages import JobChange, JobFinished, JobProgress, QueueHealth, Said
from gateway.live.pacing import Pacer
from gateway.live.telling import push_to_all
from gateway.views.flow import flow_of
from gateway.views.job import error_view, job_id, job_view, result_of, sentence
from gateway.views.moment import iso
from gateway.views.state import DOING, STAGES, STATUS_BY_STATE, stage_name
from services.chassis.clock import Clock


class Publisher:
    """Turns changes and progress into frames, each built once, and hands them to the hub."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._pacer = Pacer(asyncio.get_running_loop())
        self.board = Board()
        self.cursor = 0
        """Sequence of the newest change that was passed on."""
        self.queue_is_reachable = True
        """As clients were told last."""

    def change(self, job: job_pb2.Job, sequence: int) -> None:
        """Pass on a durable change."""
        self.cursor = max(self.cursor, sequence)
        self._say(job, self.board.take(job), sequence)

    def snapshot(self, job: job_pb2.Job) -> job_pb2.Job:
        """Return `job`, or what is newer, for a snapshot; pass it on to others if it is news to them."""
        latest = self.board.latest(job.owner, job.name)
        if latest is not None and latest.version > job.version:
            return latest
        self._say(job, self.board.take_snapshot(job), None)
        return self.board.with_progress(job)

    def progress(self, item: job_pb2.JobProgress) -> None:
        """Pass on how far a run is."""
        shown = self.board.take_progress(item)
        if shown is not None:
            self._pacer.offer(item.name, lambda: self._say_progress(item, shown))

    def queue_health(self, *, is_reachable: bool) -> None:
        """Tell everybody when the queue cannot be reached any more, or can again."""
        if is_reachable != self.queue_is_reachable:
            self.queue_is_reachable = is_reachable
            self._hub.tell_all(text_frame(QueueHealth("queue:health", self.now(), is_reachable)))

    def now(self) -> str:
        """Return the time for a message."""
        return iso(self._clock.time_ms())

    def close(self) -> None:
        """Stop what waits to be said."""
        self._pacer.close()

    def _say(self, job: job_pb2.Job, said: Sequence[str], sequence: int | None) -> None:
        if not said:
            return
        self._pacer.drop(job.name)
        for name in said:
            frame = text_frame(self.finished(job) if name == FINISHED else self._change(name, job))
            key = (PROGRESS, job.name)
            for client in self._hub.listeners(job.owner, job_id(job.name), sequence):
                if name == PROGRESS:
                    client.socket.push(frame, key)
                    continue
                client.socket.forget(key)  # it is older, and would come later
                if name != FINISHED or client.hears_end(job):
                    client.socket.push(frame)

    def finished(self, job: job_pb2.Job) -> JobFinished:
        """Return ``job:finished`` of an ended job."""
        return JobFinished(
            type=FINISHED,
            timestamp=self.now(),
            job_id=job_id(job.name),
            status=STATUS_BY_STATE[job.state],
            result=result_of(job),
            error=error_view(job),
            version=job.version,
            attempt=job.attempt,
            cursor=self.cursor,
            job=job_view(job),
        )

    def _change(self, name: str, job: job_pb2.Job) -> Said:
        job = self.board.with_progress(job)
        percent = round(self.board.percent(job), 1)
        if name == PROGRESS:
            return JobProgress(
                type=name,
                timestamp=self.now(),
                job_id=job_id(job.name),
                progress=percent,
                message=sentence(job),
                version=job.version,
                attempt=job.attempt,
                cursor=self.cursor,
                stage=stage_name(job),
                cancel_requested=job.cancel_requested,
                title=job.media.title or job.progress.title or None,
            )
        return JobChange(
            type=name,
            timestamp=self.now(),
            job_id=job_id(job.name),
            status=STATUS_BY_STATE[job.state],
            stage=stage_name(job),
            progress=percent,
            message=sentence(job),
            version=job.version,
            attempt=job.attempt,
            cursor=self.cursor,
            job=job_view(job),
        )

    def _say_progress(self, item: job_pb2.JobProgress, shown: Shown) -> None:
        progress = shown.progress
        flow = flow_of(progress)
        message = JobProgress(
            type=PROGRESS,
            timestamp=self.now(),
            job_id=job_id(item.name),
            progress=round(shown.percent, 1),
            message=progress.message or DOING[progress.stage],
            version=shown.version,
            attempt=item.attempt,
            cursor=self.cursor,
            stage=STAGES.get(progress.stage),
            bytes_done=flow.bytes_done,
            bytes_total=flow.bytes_total,
            speed_bps=flow.speed_bps,
            eta_seconds=flow.eta_seconds,
            title=progress.title or None,
        )
        listeners = self._hub.listeners(item.owner, job_id(item.name), None)
        push_to_all(listeners, text_frame(message), (PROGRESS, item.name))
