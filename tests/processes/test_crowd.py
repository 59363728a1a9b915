"""Far more jobs than memory: they wait, none fails, and the memory that was promised is never passed."""

import os
from collections.abc import Sequence

import pytest

from tests.fakes.clips import mp4_clip, padded
from tests.processes.crowd import crowd

SCALE = float(os.environ.get("CLIPFERRY_CROWD_SCALE", "0.1"))
"""1 is 45 MB videos on 200 MB. The rule is the same at a tenth of it."""
COUNT = int(os.environ.get("CLIPFERRY_CROWD_COUNT", "24"))


@pytest.mark.parametrize("ways", [("plain", "chunked"), ("lying",)])
async def test_many_jobs_on_little_memory_all_arrive(ways: Sequence[str]) -> None:
    """Each in its first run; and what lies on tmpfs, read from the kernel, stays below the limit all the time.

    Also when sites say far less than they send: who has outgrown what it holds waits, and the oldest goes on.
    """
    total_bytes = round(200_000_000 * SCALE)
    video = padded(mp4_clip(is_faststart=False), round(45_000_000 * SCALE))

    seen = await crowd(
        video,
        ways=ways,
        count=COUNT,
        total_bytes=total_bytes,
        per_video_bytes=round(50_000_000 * SCALE),
        within_s=max(60.0, COUNT * 3),
    )

    print(seen)  # noqa: T201 - shown by pytest -s, for whoever runs it at full scale
    assert seen.by_state == {"COMPLETED": COUNT}, seen.failures
    assert seen.attempts == 1
    assert seen.arrived_bytes == [len(video)] * COUNT
    assert seen.reserved_bytes <= total_bytes
    assert 0 < seen.held_bytes <= total_bytes
