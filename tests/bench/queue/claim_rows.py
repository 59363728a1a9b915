"""How long a free worker waits for a job, over queues of three lengths, on both engines."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.disk import on_disk
from tests.bench.figure import NO_GOAL, Compared, Figure, percentile
from tests.bench.process import busy_share
from tests.bench.queue.claims import fill, waits_for_claims, waits_for_submits
from tests.bench.queue.process import QueueProcess, durable_postgres, queue_process
from tests.fakes.postgres import Server

ROUNDS_COUNT = 5
CLAIMS_COUNT = 300
DEPTHS = (0, 1_000, 100_000)


async def claim_rows() -> Sequence[Figure]:
    """Measure goal Q3."""
    rows: list[Figure] = []
    with on_disk() as (directory, _):
        async with durable_postgres(directory / "postgres") as server:
            for engine in ("SQLite", "PostgreSQL"):
                rows += await _engine_rows(engine, server, directory)
    return rows


async def _engine_rows(engine: str, server: Server, directory: Path) -> Sequence[Figure]:
    urls = {
        depth: f"sqlite:///{directory}/{depth}.db"
        if engine == "SQLite"
        else await asyncio.to_thread(server.create, f"q{depth}")
        for depth in DEPTHS
    }
    async with AsyncExitStack() as stack:
        queues = {depth: await stack.enter_async_context(queue_process(url)) for depth, url in urls.items()}
        waits, client_shares = await _claims(engine, queues)
        share = Figure(f"Q3: load client's share of a core, {engine}", client_shares)
        return [*_shown(engine, waits), share]


async def _claims(
    engine: str, queues: Mapping[int, QueueProcess]
) -> tuple[Mapping[int, Sequence[Sequence[float]]], Sequence[float]]:
    """Claim from each queue in turns.

    Returns:
        The waits of each round, in milliseconds, by the queue's length; how much of a core the client used in each.
    """
    started_at_s = time.monotonic()
    for depth, queue in queues.items():
        await fill(queue.client, depth)
    waits: dict[int, list[Sequence[float]]] = {depth: [] for depth in queues}
    client_shares = []
    for number in range(ROUNDS_COUNT):
        client_share = busy_share()
        for depth in DEPTHS if number % 2 == 0 else reversed(DEPTHS):
            measure = waits_for_claims if depth else waits_for_submits
            waits[depth].append(await measure(queues[depth].client, CLAIMS_COUNT))
        client_shares.append(client_share())
    print(f"Claims, {engine}: {time.monotonic() - started_at_s:.0f} s")
    return waits, client_shares


def _shown(engine: str, waits: Mapping[int, Sequence[Sequence[float]]]) -> list[Figure]:
    empty, few, many = DEPTHS
    rows = []
    for percent in (50, 99):
        by_depth = {depth: [percentile(each, percent) for each in rounds] for depth, rounds in waits.items()}
        ms = f"p{percent}, ms, {engine}"
        few_name = f"ours, with {few:,} queued"
        rows += [
            Figure(f"Q3: submit → assign {ms}, {empty} queued", by_depth[empty]),
            Figure(f"Q3: credit → assign {ms}, {many:,} queued", by_depth[many], "≤ 10" if percent == 99 else NO_GOAL),
            Figure(
                f"Q3: credit → assign {ms}, {many:,} queued beside {few:,}",
                by_depth[many],
                "≤ 1.5" if percent == 99 else NO_GOAL,
                by_depth[few],
                few_name,
                Compared.OURS_BY_PEER,
            ),
        ]
    return rows
