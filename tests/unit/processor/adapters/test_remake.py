"""Files that have to be written anew: under the name that players know, and not for longer than there is time."""

import os
from collections.abc import AsyncIterator

import pytest

from services.chassis.errors import Reason
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.run import FetchRequest, FetchStage
from tests.fakes.downloads import failure, fetch, opened_path
from tests.fakes.odd_site import OddSite, ranged
from tests.fakes.shaped_media import AAC, VP9, made, picture, shape_of, sound

LIMITS = DownloadLimits(stall_s=20, socket_timeout_s=5, transcode_timeout_s=1.0)


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, LIMITS)


@pytest.mark.parametrize("name", ["hev1.mp4", "hev1.mkv"])
async def test_hevc_is_called_what_apples_players_know(downloader: YtdlpDownloader, odd: OddSite, name: str) -> None:
    """``hvc1``, whatever it was called before and in which container; a file that was fine is not copied for it."""
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
    odd.answers = {f"/{name}": ranged(made(*picture(), *sound(), *x265, *AAC, name=name))}

    _, moves, file = await fetch(downloader, FetchRequest(url=odd.url(f"/{name}")))

    data = os.pread(file.fd, file.size_bytes, 0)
    assert b"hvc1" in data
    assert b"hev1" not in data
    assert (FetchStage.MUXING in [moved.stage for moved in moves]) is name.endswith(".mkv")
    assert shape_of(opened_path(file)).video_codec == "hevc"
    os.close(file.fd)


async def test_reencoding_that_will_not_end_in_time_ends_early(downloader: YtdlpDownloader, odd: OddSite) -> None:
    """What it has done in a quarter of its time tells; the time that it would take is told."""
    long = made(*picture("640x360", duration_s=60, rate=30), *sound(duration_s=60), *VP9, *AAC, "-g", "600")
    odd.answers = {"/clip.mp4": ranged(long)}

    error = await failure(downloader, FetchRequest(url=odd.url("/clip.mp4")), limit_bytes=20_000_000)

    assert error.reason is Reason.UNPLAYABLE
    assert int(error.metadata["needed_s"]) >= 2
    assert f"would take {error.metadata['needed_s']} s" in error.message
