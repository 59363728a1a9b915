"""One set of media for all tests of this folder, and a directory in memory."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.processor.adapters.nursery import Nursery
from tests.fakes.downloads import warm_nursery
from tests.fakes.odd_site import OddSite, odd_site
from tests.fakes.site_media import make_media
from tests.fakes.video_site import VideoSite, video_site


@pytest.fixture(scope="session")
def media_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-media-") as folder:
        make_media(Path(folder))
        yield Path(folder)


@pytest.fixture
def tmpfs_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-test-") as folder:
        yield Path(folder)


@pytest.fixture
async def site(media_dir: Path) -> AsyncIterator[VideoSite]:
    async with video_site(media_dir) as running:
        yield running


@pytest.fixture
async def odd() -> AsyncIterator[OddSite]:
    async with odd_site() as running:
        yield running


@pytest.fixture(scope="module")
def shared_nursery() -> Iterator[Nursery]:
    """One forkserver for the tests of a file: it takes a second to warm up."""
    with warm_nursery() as nursery:
        yield nursery
