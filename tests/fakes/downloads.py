"""Real downloads in a test's hands: one forkserver for many tests, and the processes behind it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from services.chassis.errors import ClipferryError
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.tmpfs import open_run_directory
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.run import FetchRequest, Found, MediaFile, Moved

LIMIT_BYTES = 5_000_000
HANGS_UP_WITHIN_S = 4.0
"""A site whose job has ended. Less than the 5 s and more after which tests have silent sockets given up."""
_FORKSERVER = "services.processor.adapters.forkserver"


@contextmanager
def warm_nursery() -> Iterator[Nursery]:
    """Open a nursery in a directory in memory: its forkserver takes a second to warm up."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-test-") as folder,
        open_run_directory(Path(folder)) as run_dir,
    ):
        opened = Nursery(run_dir)
        try:
            yield opened
        finally:
            opened.stop()


async def fetch(
    downloader: YtdlpDownloader, request: FetchRequest, *, limit_bytes: int = LIMIT_BYTES
) -> tuple[Found, list[Moved], MediaFile]:
    """Download, and return everything that is known then. The caller closes the file."""
    async with downloader.fetch(request, job_name="jobs/1") as opened:
        found = await opened.extract()
        moves = [moved async for moved in opened.download(limit_bytes=limit_bytes)]
        return found, moves, opened.take()


async def failure(
    downloader: YtdlpDownloader, request: FetchRequest, *, limit_bytes: int = LIMIT_BYTES
) -> ClipferryError:
    """Download what cannot be, and return why."""
    try:
        _, _, file = await fetch(downloader, request, limit_bytes=limit_bytes)
    except ClipferryError as error:
        return error
    os.close(file.fd)
    raise AssertionError(f"{request.url} was downloaded")


def opened_path(file: MediaFile) -> str:
    """Return a path at which the nameless `file` can be read."""
    return f"/proc/{os.getpid()}/fd/{file.fd}"


def children() -> list[psutil.Process]:
    """Return the forkserver's children: one for each job, and what they start."""
    return [child for forkserver in forkservers() for child in forkserver.children(recursive=True)]


def forkservers() -> list[psutil.Process]:
    """Return the forkservers that this process has started."""
    return [process for process in psutil.Process().children() if _FORKSERVER in process.cmdline()]


def kept_files(nursery: Nursery) -> list[Path]:
    """Return the directories of jobs that are in memory."""
    return list(nursery._run_dir.glob("job-*"))
