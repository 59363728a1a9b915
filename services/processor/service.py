"""The whole processor, as one block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from clipferry.processor.v1 import processor_service_pb2_grpc as processor_grpc
from clipferry.queue.v1 import job_pb2 as job_pb
from clipferry.queue.v1 import worker_service_pb2 as worker_pb
from services.chassis.allocator import keep_freed_memory
from services.chassis.channel import open_link
from services.chassis.clock import SystemClock
from services.chassis.disk_writes import disk_writes
from services.chassis.lifecycle import background
from services.chassis.metrics import Source, read_by
from services.chassis.server import Served, serving
from services.chassis.tls import tls_of
from services.processor.adapters.addresses import parse_allow_list
from services.processor.adapters.backends import NotifierDelivery, StreamLeases
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.media import FfmpegMedia
from services.processor.adapters.move_book import MoveBook
from services.processor.adapters.ytdlp import open_downloader
from services.processor.config import ProcessorSettings
from services.processor.core.memory import MemoryBudget
from services.processor.core.pipeline import Parts
from services.processor.core.plan import Limits
from services.processor.core.ports import Downloader, Media
from services.processor.core.probe import Prober
from services.processor.core.room import Room
from services.processor.metrics import readings_of
from services.processor.runs import Runs, open_runs
from services.processor.servicer import ProcessorServicer
from services.processor.worker import Worker, make_worker_id, versions, working

logger = structlog.get_logger(__name__)

_PROBES_DRAIN_S = 1.0
"""How long probes get at the end: a person can ask again."""


@asynccontextmanager
async def processor_service(settings: ProcessorSettings) -> AsyncIterator[int]:
    """Run the whole processor for the length of the block; yields its port.

    The downloader comes first, so that nothing of gRPC exists yet when its forkserver is made ready.
    """
    keep_freed_memory()
    limits = DownloadLimits(
        cpu_s=settings.download_cpu_s,
        data_bytes=settings.download_data_bytes,
        stall_s=settings.stall_s,
        socket_timeout_s=settings.socket_timeout_s,
        fragments_at_once=settings.concurrent_fragments,
        page_bytes=settings.page_max_bytes,
        page_s=settings.page_timeout_s,
        limit_bytes=min(settings.max_memory_per_video, settings.telegram_limit_bytes),
        transcode_cpu_s=settings.transcode_cpu_s,
        transcode_timeout_s=settings.transcode_timeout_s,
    )
    allow = parse_allow_list(settings.egress_allow)
    async with (
        open_downloader(settings.tmpfs_dir, egress_allow=allow, limits=limits) as downloader,
        processing(settings, downloader, FfmpegMedia()) as port,
    ):
        yield port


@asynccontextmanager
async def processing(settings: ProcessorSettings, downloader: Downloader, media: Media) -> AsyncIterator[int]:
    """Lease jobs and run them with these tools for the length of the block; yields the port of ProcessorService."""
    async with AsyncExitStack() as stack:
        process = _Process(settings)
        token = settings.service_token.get_secret_value() if settings.service_token else None
        tls = tls_of(settings)
        link = partial(open_link, token=token, tls=tls, keepalive_s=settings.keepalive_s)
        queue = await stack.enter_async_context(link(settings.queue_target))
        notifier = await stack.enter_async_context(link(settings.notifier_target))
        moves = MoveBook(process.wake.set)
        parts = Parts(
            downloader=downloader,
            media=media,
            delivery=NotifierDelivery(
                notifier,
                part_bytes=settings.upload_part_bytes,
                answer_timeout_s=settings.send_answer_timeout_s,
                min_bytes_per_s=settings.telegram_min_bytes_per_s,
            ),
            leases=StreamLeases(moves),
            room=process.room,
            limits=process.limits,
            clock=process.clock,
        )
        interval_s = settings.progress_interval_ms / 1000
        runs = await stack.enter_async_context(
            open_runs(
                parts,
                slots=settings.max_concurrent_downloads,
                progress_interval_s=interval_s,
                on_change=process.wake.set,
            )
        )
        stack.enter_context(read_by(disk_writes))
        stack.enter_context(read_by(process.readings(runs)))
        worker = Worker(
            queue,
            runs,
            moves,
            hello=process.hello(),
            memory=process.memory,
            free_bytes=process.free_bytes,
            progress_interval_s=interval_s,
            clock=process.clock,
            wake=process.wake,
        )
        await stack.enter_async_context(working(worker))
        await stack.enter_async_context(background(process.watch_memory(runs), name="memory-watch"))
        port = await stack.enter_async_context(
            serving(
                [process.served(runs, downloader)],
                address=settings.listen_address,
                drain_s=min(settings.drain_s, _PROBES_DRAIN_S),
                draining=runs.drains,
                token=token,
                health_address=settings.health_listen_address,
                tls=tls,
                allow_plaintext=settings.allow_plaintext,
            )
        )
        try:
            yield port
        finally:
            drained = await runs.drain(settings.drain_s)
            logger.info(
                "The runs have drained.",
                action="runs_drained",
                finished_count=drained.finished_count,
                released_count=drained.released_count,
            )


class _Process:
    """What exists once in a processor, and what it says of itself."""

    def __init__(self, settings: ProcessorSettings) -> None:
        self._settings = settings
        self._orphan_freed_bytes = 0
        self._worker_id = make_worker_id()
        self._versions = versions()
        self.clock = SystemClock()
        self.wake = asyncio.Event()
        self.limits = Limits(
            video_bytes=settings.max_memory_per_video,
            total_bytes=settings.max_total_memory,
            telegram_bytes=settings.telegram_limit_bytes,
        )
        self._budget = MemoryBudget(
            max_bytes=settings.max_total_memory,
            max_per_video_bytes=settings.max_memory_per_video,
            warning_percent=settings.memory_warning_threshold,
            debug=settings.debug_memory,
            on_cleanup=self._count_orphans,
        )
        self.room = Room(self._budget, total_bytes=settings.max_total_memory, on_change=self.wake.set)

    def _count_orphans(self, freed_bytes: int) -> None:
        self._orphan_freed_bytes += freed_bytes

    def hello(self) -> worker_pb.Hello:
        """Return who this is."""
        return worker_pb.Hello(
            worker_id=self._worker_id,
            slots=self._settings.max_concurrent_downloads,
            memory_limit_bytes=self._settings.max_total_memory,
            versions=self._versions,
            memory_processing=self._settings.memory_processing,
            auto_cleanup=self._settings.auto_memory_cleanup,
        )

    def served(self, runs: Runs, downloader: Downloader) -> Served:
        """Return ProcessorService."""
        prober = Prober(
            downloader,
            self.limits,
            slots=self._settings.probe_slots,
            wait_s=self._settings.probe_wait_s,
            timeout_s=self._settings.probe_timeout_s,
        )
        servicer = ProcessorServicer(
            runs, prober, worker_id=self._worker_id, ytdlp_version=self._versions["yt-dlp"], memory=self.memory
        )
        return Served(
            "clipferry.processor.v1.ProcessorService",
            processor_grpc.add_ProcessorServiceServicer_to_server,
            servicer,
        )

    def free_bytes(self) -> int:
        """Return what new runs may take: nothing while runs wait for memory, or none of full size would fit."""
        if self.room.waiting_count or not self._budget.can_admit(self._settings.max_memory_per_video):
            return 0
        return self._budget.stats().free_bytes

    def memory(self) -> job_pb.MemoryStats:
        """Return the memory of this moment."""
        stats = self._budget.stats()
        return job_pb.MemoryStats(
            current_bytes=stats.current_bytes,
            peak_bytes=stats.peak_bytes,
            max_bytes=stats.max_bytes,
            active_allocations=stats.active_allocations,
            max_per_video_bytes=stats.max_per_video_bytes,
            orphan_freed_bytes=self._orphan_freed_bytes,
        )

    def readings(self, runs: Runs) -> Source:
        """Return what reads the metrics."""
        return readings_of(
            self._budget.stats,
            lambda: len(runs),
            slots=self._settings.max_concurrent_downloads,
            tmpfs_dir=self._settings.tmpfs_dir,
        )

    async def watch_memory(self, runs: Runs) -> None:
        """Write the memory's figures now and then, and free what nobody holds, until cancelled."""
        while True:
            await self.clock.sleep(self._settings.memory_log_interval_ms / 1000)
            if self._settings.auto_memory_cleanup:
                self.room.free_orphans({held.run.holder for held in runs})
            stats = self._budget.stats()
            if stats.active_allocations:
                logger.info(
                    "Memory is held.",
                    action="memory_status",
                    current_bytes=stats.current_bytes,
                    peak_bytes=stats.peak_bytes,
                    max_bytes=stats.max_bytes,
                    utilization_percent=stats.utilization_percent,
                    active_allocations=stats.active_allocations,
                )
