"""A client that reads at a tenth of the pace: how old its news is, and whether that grows."""

import asyncio
import os
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from tests.bench.fanout.load import client, crowd, newest_at_ns
from tests.bench.fanout.peers import OURS, SOCKET_IO, Kind, running
from tests.bench.figure import NO_GOAL, Compared, Figure, alternated, percentile
from tests.bench.node_peers import install_node_peers
from tests.bench.process import busy_share, pin

ROUNDS_COUNT = 2
SLOW_FOR_S = 20.0
_PER_S, _FRAME_BYTES, _JOBS_COUNT = 3_000, 160, 20
_CLIENTS_COUNT = 10
_HEADER_BYTES = 4
"""Of a WebSocket frame of that size."""
_READ_BYTES_PER_S = _PER_S * (_HEADER_BYTES + _FRAME_BYTES) // 10
_RECEIVE_BUFFER_BYTES = 4_096


@dataclass(frozen=True)
class Age:
    """How old the newest news of a reader was."""

    at_s: float
    """When it read, from the beginning."""
    age_s: float


@dataclass(frozen=True)
class _Run:
    """What one slow reader has seen."""

    ages: Sequence[Age]
    client_share: float
    """How much of their core it and the other clients have used."""

    def age_s(self, percent: int) -> float:
        """Return a percentile over the second half."""
        return percentile([age.age_s for age in self.ages if age.at_s > SLOW_FOR_S / 2], percent)


async def slow_rows() -> Sequence[Figure]:
    """Measure goal F7: ours, and Socket.IO beside it."""
    no_node = await asyncio.to_thread(install_node_peers)
    pin(os.getpid(), 1)
    peer = None if no_node else partial(_run, SOCKET_IO)
    runs, peer_runs = await alternated(partial(_run, OURS), peer, count=ROUNDS_COUNT)

    def beside(what: str, of: Callable[[_Run], float], goal: str) -> Figure:
        found, of_peer = [of(run) for run in runs], [of(run) for run in peer_runs]
        return Figure(f"F7: {what}", found, goal, of_peer, SOCKET_IO.name, Compared.OURS, no_node)

    reader = "reader at a tenth of the pace, age of its newest news"
    return [
        beside(f"{reader}, s, p50", lambda run: run.age_s(50), "≤ 1"),
        beside(f"{reader}, s, p99", lambda run: run.age_s(99), "≤ 1"),
        beside(f"{reader}, its growth, s per s", lambda run: growth_s_per_s(run.ages, SLOW_FOR_S), "≤ 0.05"),
        beside("load clients' share of their core", lambda run: run.client_share, NO_GOAL),
    ]


def growth_s_per_s(ages: Sequence[Age], duration_s: float) -> float:
    """Return how many seconds an age grows in a second: from the middle third's median to the last third's."""
    third_s = duration_s / 3
    middle = [age.age_s for age in ages if third_s < age.at_s <= 2 * third_s]
    last = [age.age_s for age in ages if 2 * third_s < age.at_s]
    return (statistics.median(last) - statistics.median(middle)) / third_s


async def _run(kind: Kind) -> _Run:
    async with running(kind) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, kind.dialect, size=_CLIENTS_COUNT))
            slow = stack.enter_context(client(server.port, kind.dialect, receive_buffer_bytes=_RECEIVE_BUFFER_BYTES))
            client_share = busy_share()
            reading = asyncio.ensure_future(asyncio.to_thread(_read_slowly, slow))
            await asyncio.to_thread(
                opened.pace, SLOW_FOR_S, per_second=_PER_S, frame_bytes=_FRAME_BYTES, job_count=_JOBS_COUNT
            )
            run = _Run(await reading, client_share())
    who = kind.name.partition(":")[0]
    print(
        f"A slow reader of {who}: age p50 {run.age_s(50):.2f} s, p99 {run.age_s(99):.2f} s, "
        f"grows by {growth_s_per_s(run.ages, SLOW_FOR_S):.3f} s per s, the clients at {run.client_share:.0%} of a core"
    )
    return run


def _read_slowly(slow: socket.socket) -> Sequence[Age]:
    """Read a tenth of what is made; returns how old the newest news was at each read."""
    found = []
    began_at_s = time.monotonic()
    read_bytes = 0
    while (passed_s := time.monotonic() - began_at_s) < SLOW_FOR_S - 1:
        due_bytes = int(passed_s * _READ_BYTES_PER_S) - read_bytes
        if due_bytes < _RECEIVE_BUFFER_BYTES // 2:
            time.sleep(0.01)
            continue
        data = slow.recv(due_bytes)
        assert data, "the slow reader was dropped"
        read_bytes += len(data)
        at_ns = newest_at_ns(data)
        if at_ns is not None:
            found.append(Age(passed_s, (time.monotonic_ns() - at_ns) / 1e9))
    return found
