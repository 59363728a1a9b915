"""Downloads by yt-dlp, seen from the parent: which never imports it, and outlives whatever becomes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.addresses import AllowList
from services.processor.adapters.egress import Egress, open_egress
from services.processor.adapters.fetch import YtdlpFetch
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.messages import JobOrder, encode_order
from services.processor.adapters.nursery import Nursery, open_nursery
from services.processor.adapters.passes import Pass
from services.processor.adapters.tmpfs import open_run_directory
from services.processor.core.blame import naming_version
from services.processor.core.run import FetchRequest, MediaKind

logger = structlog.get_logger(__name__)


@asynccontextmanager
async def open_downloader(
    tmpfs_dir: Path, *, egress_allow: AllowList = frozenset(), limits: DownloadLimits | None = None
) -> AsyncIterator["YtdlpDownloader"]:
    """Open everything that downloads need; with the block end all children, and everything on tmpfs is gone.

    Args:
        tmpfs_dir: Where each run makes its own directory.
        egress_allow: Targets that may be reached although they are not public.
        limits: Default: those of `DownloadLimits`.

    Raises:
        StartError: When `tmpfs_dir` is not in memory or cannot be used.
    """
    with open_run_directory(tmpfs_dir) as run_dir:
        async with open_egress(egress_allow) as egress, open_nursery(run_dir) as nursery:
            yield YtdlpDownloader(nursery, egress, limits or DownloadLimits())


class YtdlpDownloader:
    """A `Downloader`. See `open_downloader`."""

    def __init__(self, nursery: Nursery, egress: Egress, limits: DownloadLimits) -> None:
        self._nursery = nursery
        self._egress = egress
        self._limits = limits

    @property
    def version(self) -> str:
        """yt-dlp's version."""
        return version("yt-dlp")

    @asynccontextmanager
    async def fetch(self, request: FetchRequest, *, job_name: str) -> AsyncIterator[YtdlpFetch]:
        if not request.url.lower().startswith(("http://", "https://")) or not urlsplit(request.url).hostname:
            raise ClipferryError(Reason.EGRESS_DENIED, "Only http and https addresses may be reached.")
        with self._egress.open_pass() as opened:
            child = await self._nursery.fork()
            log = logger.bind(job_name=job_name)
            try:
                child.writer.write(encode_order(_order(request, opened, self._limits)))
                with naming_version(self.version):
                    yield YtdlpFetch(child, opened, self._limits, log, host=str(urlsplit(request.url).hostname))
            finally:
                await child.end()


def _order(request: FetchRequest, opened: Pass, limits: DownloadLimits) -> JobOrder:
    return JobOrder(
        url=request.url,
        is_audio=request.kind is MediaKind.AUDIO,
        format=request.format,
        referer=request.referer,
        user_agent=request.user_agent,
        playlist_item=request.playlist_item,
        proxy_url=opened.proxy_url,
        cpu_s=limits.cpu_s,
        data_bytes=limits.data_bytes,
        socket_timeout_s=limits.socket_timeout_s,
        fragments_at_once=limits.fragments_at_once,
        limit_bytes=min(limits.limit_bytes, request.max_bytes or limits.limit_bytes),
        transcode_cpu_s=limits.transcode_cpu_s,
        transcode_timeout_s=limits.transcode_timeout_s,
        asks_duration=request.asks_duration,
    )
