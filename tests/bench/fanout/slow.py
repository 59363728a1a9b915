"""Clients that stop reading, and one that reads at a tenth of the pace: what it costs the others and the server."""

import asyncio
import os
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench.fanout.load import busy_share, client, crowd, newest_at_ns
from tests.bench.fanout.peers import OURS, Running, running
from tests.bench.figure import Figure, percentile
from tests.bench.process import pin

ROUNDS_COUNT = 2
CLIENTS_COUNT, STUCK_COUNT = 1_000, 10
STUCK_FOR_S = 14.0
_STUCK_PER_S, _STUCK_FRAME_BYTES = 20, 2_500
SLOW_FOR_S = 20.0
_SLOW_PER_S, _SLOW_FRAME_BYTES, _SLOW_CLIENTS_COUNT = 3_000, 160, 10
_SLOW_BYTES_PER_S = _SLOW_PER_S * _SLOW_FRAME_BYTES // 10
_JOBS_COUNT = 20
_SMALL_BYTES = 4_096


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
    """Measure with and without stuck clients in turns."""
    pin(os.getpid(), 1)
    without, with_stuck = [], []
    for _ in range(ROUNDS_COUNT):
        without.append(await _stuck(0))
        with_stuck.append(await _stuck(STUCK_COUNT))
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


async def slow_rows() -> Sequence[Figure]:
    """Measure the slow reader."""
    pin(os.getpid(), 1)
    ages_s: list[list[float]] = []
    client_shares: list[float] = []
    for _ in range(ROUNDS_COUNT):
        client_share = busy_share()
        ages_s.append(await _ages_s())
        client_shares.append(client_share())
    return [
        *(
            Figure(
                f"F7: reader at a tenth of the pace, age of its newest news, s, p{percent}",
                [percentile(run, percent) for run in ages_s],
                "≤ 1",
            )
            for percent in (50, 99)
        ),
        Figure("F7: load clients' share of their core", client_shares),
    ]


async def _stuck(count: int) -> _Stuck:
    async with running(OURS) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, OURS.dialect, size=CLIENTS_COUNT))
            stuck = [stack.enter_context(_small(server)) for _ in range(count)]
            settings = {"per_second": _STUCK_PER_S, "frame_bytes": _STUCK_FRAME_BYTES, "job_count": _JOBS_COUNT}
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


def _small(server: Running) -> socket.socket:
    return client(server.port, server.kind.dialect, receive_buffer_bytes=_SMALL_BYTES)


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


async def _ages_s() -> list[float]:
    async with running(OURS) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, OURS.dialect, size=_SLOW_CLIENTS_COUNT))
            slow = stack.enter_context(_small(server))
            reading = asyncio.ensure_future(asyncio.to_thread(_read_slowly, slow))
            await asyncio.to_thread(
                opened.pace,
                SLOW_FOR_S,
                per_second=_SLOW_PER_S,
                frame_bytes=_SLOW_FRAME_BYTES,
                job_count=_JOBS_COUNT,
            )
            return await reading


def _read_slowly(slow: socket.socket) -> list[float]:
    """Read a tenth of what is made; returns how old the newest news was at each read of the second half, in seconds."""
    found = []
    began_at_s = time.monotonic()
    read_bytes = 0
    while (passed_s := time.monotonic() - began_at_s) < SLOW_FOR_S - 1:
        due_bytes = int(passed_s * _SLOW_BYTES_PER_S) - read_bytes
        if due_bytes < _SMALL_BYTES // 2:
            time.sleep(0.01)
            continue
        data = slow.recv(due_bytes)
        assert data, "the slow reader was dropped"
        read_bytes += len(data)
        at_ns = newest_at_ns(data)
        if at_ns is not None and passed_s > SLOW_FOR_S / 2:
            found.append((time.monotonic_ns() - at_ns) / 1e9)
    return found
