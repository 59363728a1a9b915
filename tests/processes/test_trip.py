"""A page goes in, the video arrives whole: over real processes, for every shape of page."""

from typing import Any

import pytest

from sandbox.run.gateway import Gateway
from sandbox.run.trip import Ending
from sandbox.run.verdict import faults
from tests.fakes.eventually import eventually
from tests.processes.journey import ended_job, journey
from tests.processes.stack import Stack


async def _faults(stack: Stack, job: dict[str, Any], page_url: str) -> list[str]:
    ending = Ending(job["id"], job["status"], job["result"] or {}, job["error"] or {})
    settings = stack.settings
    return await faults(ending, page_url=page_url, site_url=settings.site_url, bot_api_url=settings.bot_api_url)


@pytest.mark.parametrize(
    "path",
    [
        "/media/clip.mp4",
        "/pages/video",
        "/pages/og-video",
        "/pages/several",
        "/media/hls/index.m3u8",
        "/media/hls-audio/index.m3u8",
        "/media/hls-fmp4/index.m3u8",
        "/media/hls-aes/index.m3u8",
        "/media/dash/index.mpd",
        "/media/rotated.mp4",
        "/chunked/clip.mp4",
        "/redirect/3/media/clip.mp4",
    ],
)
async def test_the_video_arrives_whole(stack: Stack, gateway: Gateway, path: str) -> None:
    """It plays to its end, with the site's own pictures, its true size and duration, its index in front."""
    page_url = stack.page(path)

    job = await ended_job(gateway, page_url)

    assert await _faults(stack, job, page_url) == []
    assert job["result"]["success"] is True
    assert job["result"]["memoryProcessing"] is True
    assert job["result"]["metadata"]["duration"] == pytest.approx(8, abs=0.2)
    await stack.memory_is_free()


async def test_progress_comes_in_order(stack: Stack, gateway: Gateway) -> None:
    """Within an attempt it never falls, every message has a newer version or the same, one ``job:finished`` ends it."""
    job = await gateway.submit(stack.page("/throttled/1500/clip.mp4"))

    messages = await journey(gateway, job["id"])

    progress = [one for one in messages if one["type"] == "job:progress"]
    assert len(progress) >= 5
    assert len({one["progress"] for one in progress}) >= 5
    percents = [one["progress"] for one in progress]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
    versions = [one["version"] for one in messages if "version" in one]
    assert versions == sorted(versions)
    stages = list(dict.fromkeys(one["stage"] for one in progress))
    assert [stage for stage in ("downloading", "sending") if stage in stages] == ["downloading", "sending"]
    assert [one["type"] for one in messages].count("job:finished") == 1
    assert messages[-1]["status"] == "completed"


async def test_cancel_stops_the_bytes_at_the_site(stack: Stack, gateway: Gateway) -> None:
    """A cancelled download closes its connection; nothing is sent, and its memory is free again."""
    job = await gateway.submit(stack.page("/endless.mp4"))

    async def bytes_flow() -> bool:
        return (await stack.traffic("/endless.mp4"))["bytesSent"] > 100_000

    await eventually(bytes_flow, what="bytes flow from the site")
    sent_before = len(await stack.messages())
    await gateway.cancel(job["id"])
    messages = await journey(gateway, job["id"])

    async def connection_is_closed() -> bool:
        return (await stack.traffic("/endless.mp4"))["open"] == 0

    await eventually(connection_is_closed, within_s=30, what="the site's connection closes")
    ended = await gateway.get(f"/api/jobs/{job['id']}")
    assert ended["status"] == "cancelled"
    assert messages[-1].get("status", "cancelled") == "cancelled"
    assert len(await stack.messages()) == sent_before
    assert (await stack.traffic("/endless.mp4"))["bytesSent"] < 30_000_000
    await stack.memory_is_free()
