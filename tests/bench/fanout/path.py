"""From a processor's report to WebSocket clients, over a real queue and a real gateway, each a process."""

import asyncio
import json
import re
import select
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.bench.fanout.load import Dialect, client
from tests.bench.figure import Compared, Figure, percentile
from tests.bench.process import ROOT, busy_share
from tests.processes.stack import Stack, prepared_stack

ROUNDS_COUNT = 5
SECONDS = 10
DELIVERIES_PER_S = 1_000
CLIENTS_COUNTS = (10, 1)
"""Each hears of every job: the fewer they are, the more is reported."""
REPORTS_PER_JOB_AND_S = 5
"""Ten a second would be passed on at most."""
_SUPERSEDED_SHARE = 0.02
_SILENCE_S = 20.0
_SNAPSHOT_END = b'"more":'
_REPORT = re.compile(rb'"message":"report (\d+) at (\d+)"')


@dataclass
class _Heard:
    """What one client has heard."""

    rest: bytes = b""
    last: set[int] = field(default_factory=set)
    """Numbers of the final reports of jobs."""
    late_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    """What the clients of one run have seen."""

    late_ms: Sequence[float]
    client_share: float
    """How much of a core they used to read."""


async def path_rows() -> Sequence[Figure]:
    """Measure how late reports reach clients at a thousand deliveries a second."""
    runs: dict[int, list[_Run]] = {count: [] for count in CLIENTS_COUNTS}
    for _ in range(ROUNDS_COUNT):
        for count in CLIENTS_COUNTS:
            runs[count].append(await _run(count))
    return [
        *(
            Figure(
                f"F5: report to client, ms, p{percent}: {DELIVERIES_PER_S // count:,} reports / s to {count} of them",
                [percentile(run.late_ms, percent) for run in runs[count]],
                goal,
                compared=Compared.OURS,
            )
            for count in CLIENTS_COUNTS
            for percent, goal in ((50, "≤ 5"), (99, "≤ 20"))
        ),
        *(
            Figure(f"F5: load client's share of a core, {count} clients", [run.client_share for run in runs[count]])
            for count in CLIENTS_COUNTS
        ),
    ]


async def _run(clients_count: int) -> _Run:
    per_second = DELIVERIES_PER_S // clients_count
    room = {"MAX_QUEUE_SIZE": "1000", "LEASE_TTL_S": "30", "LOG_LEVEL": "WARNING", "STATS_INTERVAL_S": "30"}
    with prepared_stack(None, **room) as stack, ExitStack() as opened:
        for name in ("queue", "gateway"):
            stack.start(name)
        await stack.until_ready("queue", "gateway")
        worker = await _worker(stack, per_second)
        assert worker.stdin is not None
        try:
            sockets = [opened.enter_context(each) for each in await _clients(stack, clients_count)]
            worker.stdin.write(b"go\n")
            run = await asyncio.to_thread(_hear, sockets, per_second * SECONDS, per_second // REPORTS_PER_JOB_AND_S)
        finally:
            worker.stdin.close()  # it ends by that
            status = await asyncio.wait_for(worker.wait(), 30)
        assert status == 0, f"the worker ended with {status}"
        return run


async def _worker(stack: Stack, per_second: int) -> asyncio.subprocess.Process:
    """Start a worker and wait until all its jobs run."""
    port = stack.variables["QUEUE_LISTEN_ADDRESS"].rpartition(":")[2]
    numbers = (port, str(per_second // REPORTS_PER_JOB_AND_S), str(per_second), str(SECONDS))
    command = (sys.executable, "-m", "tests.bench.fanout.worker", *numbers)
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=stack.variables, stdin=pipe, stdout=pipe)
    assert worker.stdout is not None
    assert await asyncio.wait_for(worker.stdout.readline(), 60), "the worker failed"
    return worker


async def _clients(stack: Stack, count: int) -> Sequence[socket.socket]:
    """Return clients that have subscribed to all jobs."""
    async with stack.gateway() as gateway:
        hello = json.dumps({"type": "hello", "token": gateway.token})
    words = (hello, json.dumps({"type": "subscribe", "channel": "jobs"}))
    port = int(stack.settings.gateway_url.rpartition(":")[2])
    return [await asyncio.to_thread(client, port, Dialect("/ws", words, _SNAPSHOT_END)) for _ in range(count)]


def _hear(sockets: Sequence[socket.socket], count: int, jobs_count: int) -> _Run:
    """Read until everybody has the last report of each job.

    Raises:
        AssertionError: If one does not come, or too many were superseded by later ones before they arrived.
    """
    by_fd = {each.fileno(): (each, _Heard()) for each in sockets}
    epoll = select.epoll()
    for fd in by_fd:
        epoll.register(fd, select.EPOLLIN)
    began_at_s, client_share = time.monotonic(), busy_share()
    waiting = set(by_fd)
    while waiting:
        assert time.monotonic() < began_at_s + SECONDS + _SILENCE_S, "the last reports did not arrive"
        for fd, _ in epoll.poll(1):
            each, heard = by_fd[fd]
            data = each.recv(65_536)
            now_ns = time.monotonic_ns()
            assert data, "a client was closed"
            whole, _, heard.rest = (heard.rest + data).rpartition(b"}")
            for number, at in _REPORT.findall(whole):
                heard.late_ms.append((now_ns - int(at)) / 1e6)
                if int(number) >= count - jobs_count:
                    heard.last.add(int(number))
            if len(heard.last) == jobs_count:
                waiting.discard(fd)
    epoll.close()
    late_ms = [late for _, heard in by_fd.values() for late in heard.late_ms]
    share = client_share()
    missing_count = count * len(sockets) - len(late_ms)
    print(
        f"{len(sockets)} clients: {len(late_ms) / SECONDS:,.0f} deliveries / s, {missing_count} superseded, "
        f"p50 {percentile(late_ms, 50):.1f}, p99 {percentile(late_ms, 99):.1f} ms, clients at {share:.0%} of a core"
    )
    assert 0 <= missing_count <= count * len(sockets) * _SUPERSEDED_SHARE, f"{missing_count} reports did not arrive"
    return _Run(late_ms, share)
