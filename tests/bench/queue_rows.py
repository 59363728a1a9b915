"""The queue beside others of its kind: lives per second, what they cost, and how long a free worker waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil

from tests.bench.disk import on_disk
from tests.bench.figure import Figure
from tests.bench.queue_claims import fill, percentile, waits_for_claims, waits_for_submits
from tests.bench.queue_lives import FIVE_STEPS, SLOTS, THREE_STEPS, Step, lives
from tests.bench.queue_peers import Peer, install_peers, redis_server, why_no_redis
from tests.bench.queue_process import QueueProcess, cpu_s, queue_process
from tests.fakes.postgres import Server

ROUNDS_COUNT = 5
OURS_COUNT = 4_096
"""Lives of one run, a multiple of what two replicas submit at once; of the peers fewer, for they take as long."""
WARM_UP_COUNT = 512
ARQ_COUNT = 2_000
PROCRASTINATE_COUNT = 1_000
CLAIMS_COUNT = 300
DEPTHS = (0, 1_000, 100_000)

_STEPS: Mapping[str, Sequence[Step]] = {"three": THREE_STEPS, "five": FIVE_STEPS}
_ARQ = "arq: Redis AOF appendfsync always, max_jobs 64, poll_delay 20 ms, results kept (default); 64 enqueuers"
_PROCRASTINATE = (
    "procrastinate: same PostgreSQL server, concurrency 64, LISTEN/NOTIFY, jobs kept and 4 connections (defaults), "
    "batch_defer of 64"
)


async def queue_rows() -> Sequence[Figure]:
    """Measure both engines: lives beside the peers in turns, then claims over queues of three lengths."""
    await install_peers()
    no_redis = await why_no_redis()
    with on_disk() as (directory, file_system):
        print(f"Databases on {file_system} in {directory}; fsync on; SQLite synchronous=FULL, Redis AOF always.")
        async with _postgres(directory / "postgres") as server:
            return [*await _live_rows(server, directory, no_redis), *await _claim_rows(server, directory)]


@asynccontextmanager
async def _postgres(directory: Path) -> AsyncIterator[Server]:
    server = await asyncio.to_thread(Server, directory)
    try:
        connection = await asyncpg.connect(server.url())
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval(f"SHOW {setting}") == "on", f"{setting} is off: nothing would be durable"
        await connection.close()
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@dataclass
class _Runs:
    """What the runs of one way of living found, by round."""

    lives_per_s: list[float] = field(default_factory=list)
    queue_cpu_s: list[float] = field(default_factory=list)
    """Of the queue's processes, for 1,000 lives."""
    database_cpu_s: list[float] = field(default_factory=list)
    """Of the database's processes, for 1,000 lives."""


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
        taken_s = await lives([queue.client for queue in self.queues], _STEPS[name], count=OURS_COUNT)
        thousands = OURS_COUNT / 1000
        runs = self.runs[name]
        runs.lives_per_s.append(OURS_COUNT / taken_s)
        runs.queue_cpu_s.append((cpu_s(servers) - queue_before_s) / thousands)
        runs.database_cpu_s.append((cpu_s(self.database) - database_before_s) / thousands)


async def _live_rows(server: Server, directory: Path, no_redis: str) -> Sequence[Figure]:
    async with AsyncExitStack() as stack:

        async def ours(url: str, *, replicas: int = 1, database: Sequence[psutil.Process] = ()) -> _Ours:
            queues = [await stack.enter_async_context(queue_process(url)) for _ in range(replicas)]
            return _Ours(queues, database)

        backends = [psutil.Process(int((server.directory / "postmaster.pid").read_text().split()[0]))]
        sqlite = await ours(f"sqlite:///{directory}/lives.db")
        postgres = await ours(await _database(server, "one"), database=backends)
        pair = await ours(await _database(server, "two"), replicas=2, database=backends)
        procrastinate = Peer("procrastinate_lives.py", await _database(server, "peer"))
        arq = None
        if not no_redis:
            port = await stack.enter_async_context(redis_server(directory / "redis"))
            arq = Peer("arq_lives.py", str(port))
        arq_lives, procrastinate_lives = await _in_turns((sqlite, postgres, pair), arq, procrastinate)
        arq_name = f"arq is missing: {no_redis}" if no_redis else _ARQ
        return [
            *_beside_peer("SQLite", sqlite, arq_lives, arq_name, goal="≥ 8"),
            *_beside_peer("PostgreSQL", postgres, procrastinate_lives, _PROCRASTINATE, goal="≥ 20"),
            *_beside_one(pair, postgres),
            *_costs("SQLite", sqlite),
            *_costs("PostgreSQL", postgres),
        ]


async def _in_turns(every: Sequence[_Ours], arq: Peer | None, procrastinate: Peer) -> tuple[list[float], list[float]]:
    """Run all of ours and the peers, in turns; returns the peers' lives per second."""
    arq_lives: list[float] = []
    procrastinate_lives: list[float] = []
    for each in every:
        await each.warm_up()
    for number in range(ROUNDS_COUNT):
        started_at_s = time.monotonic()
        for name in _STEPS:
            for each in every:
                await each.run(name)
        if arq is not None:
            arq_lives.append(ARQ_COUNT / await arq.lives(ARQ_COUNT))
        procrastinate_lives.append(PROCRASTINATE_COUNT / await procrastinate.lives(PROCRASTINATE_COUNT))
        print(f"Lives, round {number + 1} of {ROUNDS_COUNT}: {time.monotonic() - started_at_s:.0f} s")
    return arq_lives, procrastinate_lives


async def _database(server: Server, name: str) -> str:
    return await asyncio.to_thread(server.create, name)


def _beside_peer(engine: str, ours: _Ours, peer: Sequence[float], peer_name: str, *, goal: str) -> list[Figure]:
    return [
        Figure(
            f"{engine}, {name}-step lives / s, {SLOTS} in flight",
            ours.runs[name].lives_per_s,
            goal if name == "three" else "–",
            peer,
            peer_name,
        )
        for name in _STEPS
    ]


def _beside_one(pair: _Ours, one: _Ours) -> list[Figure]:
    return [
        Figure(
            f"PostgreSQL, {name}-step lives / s, two replicas, {SLOTS} in flight on each",
            pair.runs[name].lives_per_s,
            "–",
            one.runs[name].lives_per_s,
            "one replica",
        )
        for name in _STEPS
    ]


def _costs(engine: str, ours: _Ours) -> list[Figure]:
    rows = []
    for name, runs in ours.runs.items():
        rows.append(Figure(f"{engine}, queue's CPU s / 1,000 {name}-step lives", runs.queue_cpu_s, "–"))
        if ours.database:
            rows.append(Figure(f"{engine}, backends' CPU s / 1,000 {name}-step lives", runs.database_cpu_s, "–"))
    return rows


async def _claim_rows(server: Server, directory: Path) -> Sequence[Figure]:
    rows: list[Figure] = []
    for engine in ("SQLite", "PostgreSQL"):
        urls = {
            depth: f"sqlite:///{directory}/{depth}.db" if engine == "SQLite" else await _database(server, f"q{depth}")
            for depth in DEPTHS
        }
        async with AsyncExitStack() as stack:
            queues = {depth: await stack.enter_async_context(queue_process(url)) for depth, url in urls.items()}
            rows.extend(_claims_shown(engine, await _claims(engine, queues)))
    return rows


async def _claims(engine: str, queues: Mapping[int, QueueProcess]) -> Mapping[int, Sequence[Sequence[float]]]:
    """Claim from each queue in turns; returns the waits of each round, in milliseconds, by the queue's length."""
    started_at_s = time.monotonic()
    for depth, queue in queues.items():
        await fill(queue.client, depth)
    waits: dict[int, list[Sequence[float]]] = {depth: [] for depth in queues}
    for _ in range(ROUNDS_COUNT):
        for depth, queue in queues.items():
            measure = waits_for_claims if depth else waits_for_submits
            waits[depth].append(await measure(queue.client, CLAIMS_COUNT))
    print(f"Claims, {engine}: {time.monotonic() - started_at_s:.0f} s")
    return waits


def _claims_shown(engine: str, waits: Mapping[int, Sequence[Sequence[float]]]) -> list[Figure]:
    empty, few, many = DEPTHS
    rows = []
    for percent in (50, 99):
        by_depth = {depth: [percentile(each, percent) for each in rounds] for depth, rounds in waits.items()}
        what = f"p{percent}, ms, {engine}"
        goal = "–" if percent == 50 else f"≤ 10 ms, ≤ 1.5 × {few:,}"
        rows += [
            Figure(f"submit → assign {what}, {empty} queued", by_depth[empty], "–"),
            Figure(f"credit → assign {what}, {many:,} queued", by_depth[many], goal, by_depth[few], f"{few:,} queued"),
        ]
    return rows
