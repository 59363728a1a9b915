"""One set of media for all tests of this folder, and a directory in memory."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

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
