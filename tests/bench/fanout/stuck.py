"""Clients that stop reading: what they cost the others and the server."""

import asyncio
import os
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from tests.bench.fanout.load import client, crowd
from tests.bench.fanout.peers import OURS, running
from tests.bench.figure import Figure, alternated, percentile
from tests.bench.process import busy_share, pin

ROUNDS_COUNT = 2
CLIENTS_COUNT, STUCK_COUNT = 1_000, 10
STUCK_FOR_S = 14.0
_PER_S, _FRAME_BYTES, _JOBS_COUNT = 20, 2_500, 20
_RECEIVE_BUFFER_BYTES = 4_096


@dataclass(frozen=True)
class _Stuck:
    """One run with clients that stop reading, or without."""

    p99_ms: float
    growth_mb: float
    """Of the server's resident memory: its most during the run, against the beginning."""
    kept_mb: float
    """The same at the end, with the stuck ones gone."""
    gone_after_s: float
    """When the last of the stuck was gone, from the first event on: their buffers fill up first."""
    client_share: float
    """How much of its core the load client has used."""


async def stuck_rows() -> Sequence[Figure]:
    """Measure goal F6: with and without stuck clients in turns."""
    pin(os.getpid(), 1)
    with_stuck, without = await alternated(partial(_stuck, STUCK_COUNT), partial(_stuck, 0), count=ROUNDS_COUNT)
    who = f"{STUCK_COUNT} of {CLIENTS_COUNT:,} stop reading"
    return [
        Figure(
            f"F6: {who}, others' p99, ms",
            [run.p99_ms for run in with_stuck],
            "≤ 1.2",
            [run.p99_ms for run in without],
            "ours, nobody stops",
        ),
        Figure(f"F6: {who}, growth of the server, MB", [run.growth_mb for run in with_stuck], "≤ 5"),
        Figure(f"F6: {who}, growth once they are gone, MB", [run.kept_mb for run in with_stuck], "≤ 5"),
        Figure(f"F6: {who}, gone after filling their buffers, s", [run.gone_after_s for run in with_stuck], "≤ 10"),
        Figure("F6: load client's share of its core", [run.client_share for run in with_stuck]),
    ]


async def _stuck(count: int) -> _Stuck:
    async with running(OURS) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, OURS.dialect, size=CLIENTS_COUNT))
            stuck = [
                stack.enter_context(client(server.port, OURS.dialect, receive_buffer_bytes=_RECEIVE_BUFFER_BYTES))
                for _ in range(count)
            ]
            settings = {"per_second": _PER_S, "frame_bytes": _FRAME_BYTES, "job_count": _JOBS_COUNT}
            await asyncio.to_thread(opened.pace, 1.0, **settings)
            before_bytes = server.process.memory_info().rss
            client_share = busy_share()
            pacing = asyncio.ensure_future(asyncio.to_thread(opened.pace, STUCK_FOR_S, **settings))
            watching = asyncio.ensure_future(asyncio.to_thread(_gone_after_s, stuck))
            most_bytes = before_bytes
            while not pacing.done():
                most_bytes = max(most_bytes, server.process.memory_info().rss)
                await asyncio.wait([pacing], timeout=0.2)
            paced, gone_after_s = pacing.result(), await watching
            kept_bytes = server.process.memory_info().rss - before_bytes
            p99_ms, share = percentile(paced.late_ms, 99), client_share()
            print(
                f"{count} of {CLIENTS_COUNT:,} stuck: others' p99 {p99_ms:.1f} ms, gone after {gone_after_s:.1f} s, "
                f"{paced.finished_count:,} ends heard, the load client at {share:.0%} of its core"
            )
            return _Stuck(p99_ms, (most_bytes - before_bytes) / 1e6, kept_bytes / 1e6, gone_after_s, share)


def _gone_after_s(stuck: Sequence[socket.socket]) -> float:
    """Return the seconds until the server has ended every connection, as seen without reading."""
    began_at_s = time.monotonic()
    poll = select.poll()
    for each in stuck:
        poll.register(each, 0)
    left = {each.fileno() for each in stuck}
    while left and time.monotonic() < began_at_s + STUCK_FOR_S:
        for fd, _ in poll.poll(200):
            poll.unregister(fd)
            left.discard(fd)
    return float("inf") if left else time.monotonic() - began_at_s
