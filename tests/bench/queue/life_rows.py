"""The queue beside others of its kind: durable lives of jobs per second, and what they cost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from tests.bench.disk import on_disk
from tests.bench.figure import NO_GOAL, Compared, Figure
from tests.bench.node_peers import install_node_peers
from tests.bench.queue.lives import FIVE_STEPS, SLOTS, THREE_STEPS, Step, lives
from tests.bench.queue.peers import Peer, PeerRun, install_python_peers, install_redis, redis_server
from tests.bench.queue.process import QueueProcess, cpu_s, durable_postgres, queue_process
from tests.fakes.postgres import Server

ROUNDS_COUNT = 5
OURS_COUNT = 4_096
"""Lives of one run, a multiple of what two replicas submit at once."""
WARM_UP_COUNT = 512

_PEERS_OF_ROW = {"Q1": ("always", "everysec"), "Q2": ("arq", "procrastinate")}
_STEPS: Mapping[str, Sequence[Step]] = {"three": THREE_STEPS, "five": FIVE_STEPS}
_BULLMQ = (
    "BullMQ on Redis, AOF appendfsync {}: concurrency 64, 64 adds in flight (addBulk is no faster), jobs kept (as by "
    "default), NODE_ENV production, adds and work in a process each"
)
_ARQ = "arq: Redis AOF appendfsync always, max_jobs 64, poll_delay 20 ms, results kept (default); 64 enqueuers"
_PROCRASTINATE = (
    "procrastinate: same PostgreSQL server, one worker (two were no faster), concurrency 64, LISTEN/NOTIFY, jobs kept "
    "(default), 4 connections (default; 65, which its documentation advises for short jobs, and 16 were slower), "
    "batch_defer of 64"
)


async def live_rows() -> Sequence[Figure]:
    """Measure goals Q1 and Q2: ours on both engines and the peers, in turns."""
    missing = {
        "python": await install_python_peers(),
        "redis": await install_redis(),
        "node": await asyncio.to_thread(install_node_peers),
    }
    with on_disk() as (directory, file_system):
        print(f"Databases on {file_system} in {directory}; fsync on; SQLite synchronous=FULL.")
        async with durable_postgres(directory / "postgres") as server, AsyncExitStack() as stack:
            ours = await _ours(server, directory, stack)
            peers = await _peers(server, directory, stack, missing)
            await _in_turns(list(ours.values()), list(peers.values()))
    return _shown(ours, peers)


@dataclass
class _Runs:
    """What the runs of one way of living found, by round."""

    lives_per_s: list[float] = field(default_factory=list)
    queue_cpu_s: list[float] = field(default_factory=list)
    """Of the queue's processes, for 1,000 lives."""
    database_cpu_s: list[float] = field(default_factory=list)
    """Of the database's processes, for 1,000 lives."""
    client_share: list[float] = field(default_factory=list)
    """Of one core, which the workers and submitters of the benchmark need."""


@dataclass(frozen=True)
class _Ours:
    """Queues on one database.

    Args:
        queues: Its replicas.
        database: The database's own processes, if it has some.
    """

    queues: Sequence[QueueProcess]
    database: Sequence[psutil.Process] = ()
    runs: Mapping[str, _Runs] = field(default_factory=lambda: {name: _Runs() for name in _STEPS})

    async def warm_up(self) -> None:
        await lives([queue.client for queue in self.queues], FIVE_STEPS, count=WARM_UP_COUNT)

    async def run(self, name: str) -> None:
        servers = [queue.server for queue in self.queues]
        queue_before_s, database_before_s = cpu_s(servers), cpu_s(self.database)
        client_before_s = time.process_time()
        taken_s = await lives([queue.client for queue in self.queues], _STEPS[name], count=OURS_COUNT)
        thousands = OURS_COUNT / 1000
        runs = self.runs[name]
        runs.lives_per_s.append(OURS_COUNT / taken_s)
        runs.client_share.append((time.process_time() - client_before_s) / taken_s)
        runs.queue_cpu_s.append((cpu_s(servers) - queue_before_s) / thousands)
        runs.database_cpu_s.append((cpu_s(self.database) - database_before_s) / thousands)


@dataclass(frozen=True)
class _Theirs:
    """A peer, how many lives it lives in a run, and what came of them.

    Args:
        missing: What of it is not on this machine, or nothing.
    """

    peer: Peer
    count: int
    missing: str
    runs: list[PeerRun] = field(default_factory=list)

    async def run(self) -> None:
        if not self.missing:
            self.runs.append(await self.peer.lives(self.count))

    def shares(self, row: str) -> list[Figure]:
        """Return how much of a core its processes have used."""
        if self.missing:
            return []
        who = self.peer.setup.partition(":")[0]
        return [
            Figure(f"{row}: {who}: what adds, share of a core", [run.enqueuer_share for run in self.runs]),
            Figure(f"{row}: {who}: what works, share of a core", [run.worker_share for run in self.runs]),
        ]


async def _ours(server: Server, directory: Path, stack: AsyncExitStack) -> Mapping[str, _Ours]:
    async def opened(url: str, *, replicas: int = 1, database: Sequence[psutil.Process] = ()) -> _Ours:
        return _Ours([await stack.enter_async_context(queue_process(url)) for _ in range(replicas)], database)

    backends = [psutil.Process(int((server.directory / "postmaster.pid").read_text().split()[0]))]
    return {
        "SQLite": await opened(f"sqlite:///{directory}/lives.db"),
        "PostgreSQL": await opened(await asyncio.to_thread(server.create, "one"), database=backends),
        "pair": await opened(await asyncio.to_thread(server.create, "two"), replicas=2, database=backends),
    }


async def _peers(
    server: Server, directory: Path, stack: AsyncExitStack, missing: Mapping[str, str]
) -> Mapping[str, _Theirs]:
    async def redis(name: str, fsync: str) -> str:
        if missing["redis"]:
            return ""
        return str(await stack.enter_async_context(redis_server(directory / name, fsync=fsync)))

    database = await asyncio.to_thread(server.create, "peer")
    no_bullmq, no_arq = missing["redis"] or missing["node"], missing["redis"] or missing["python"]
    return {
        **{
            fsync: _Theirs(Peer("bullmq_lives.js", await redis(fsync, fsync), _BULLMQ.format(fsync)), 4_000, no_bullmq)
            for fsync in ("always", "everysec")
        },
        "arq": _Theirs(Peer("arq_lives.py", await redis("arq", "always"), _ARQ), 2_000, no_arq),
        "procrastinate": _Theirs(Peer("procrastinate_lives.py", database, _PROCRASTINATE), 1_000, missing["python"]),
    }


async def _in_turns(every: Sequence[_Ours], peers: Sequence[_Theirs]) -> None:
    for each in every:
        await each.warm_up()
    ours: list[Callable[[], Awaitable[None]]] = [partial(each.run, name) for name in _STEPS for each in every]
    runs = [*ours, *(peer.run for peer in peers)]
    for number in range(ROUNDS_COUNT):
        started_at_s = time.monotonic()
        for run in runs if number % 2 == 0 else reversed(runs):
            await run()
        print(f"Lives, round {number + 1} of {ROUNDS_COUNT}: {time.monotonic() - started_at_s:.0f} s", flush=True)


def _shown(ours: Mapping[str, _Ours], peers: Mapping[str, _Theirs]) -> Sequence[Figure]:
    def beside(row: str, engine: str, steps: str, peer: str, goal: str = NO_GOAL) -> Figure:
        name = f"{row}: {engine}, {steps}-step lives / s, {SLOTS} in flight"
        theirs = peers[peer]
        lives_per_s = [theirs.count / run.taken_s for run in theirs.runs]
        found = ours[engine].runs[steps].lives_per_s
        return Figure(name, found, goal, lives_per_s, theirs.peer.setup, missing=theirs.missing)

    return [
        beside("Q1", "SQLite", "three", "always", "≥ 1.2"),
        beside("Q1", "SQLite", "three", "everysec", "≥ 1.0"),
        beside("Q1", "SQLite", "five", "always", "≥ 0.8"),
        beside("Q2", "SQLite", "three", "arq", "≥ 8"),
        beside("Q2", "PostgreSQL", "three", "procrastinate", "≥ 20"),
        beside("Q2", "PostgreSQL", "five", "procrastinate"),
        *_pair(ours["pair"], ours["PostgreSQL"]),
        *_costs("SQLite", "Q1", ours["SQLite"]),
        *_costs("PostgreSQL", "Q2", ours["PostgreSQL"]),
        *(figure for row, names in _PEERS_OF_ROW.items() for name in names for figure in peers[name].shares(row)),
    ]


def _pair(pair: _Ours, one: _Ours) -> list[Figure]:
    return [
        Figure(
            f"Q2: PostgreSQL, {name}-step lives / s, two replicas, {SLOTS} in flight on each",
            pair.runs[name].lives_per_s,
            NO_GOAL,
            one.runs[name].lives_per_s,
            "ours, one replica",
        )
        for name in _STEPS
    ]


def _costs(engine: str, row: str, ours: _Ours) -> list[Figure]:
    columns: Mapping[str, Callable[[_Runs], Sequence[float]]] = {
        "queue's CPU s / 1,000 {} lives": lambda runs: runs.queue_cpu_s,
        "backends' CPU s / 1,000 {} lives": lambda runs: runs.database_cpu_s if ours.database else (),
        "load client's share of a core, {} lives": lambda runs: runs.client_share,
    }
    return [
        Figure(f"{row}: {engine}, {what.format(f'{name}-step')}", found, compared=Compared.OURS)
        for name, runs in ours.runs.items()
        for what, of in columns.items()
        if (found := of(runs))
    ]
