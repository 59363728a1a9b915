"""Fan-out beside others: what a delivery costs the server, and what a connection holds."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from tests.bench.fanout.load import busy_share, crowd
from tests.bench.fanout.peers import BROADCAST, OURS, SOCKET_IO, WS, Kind, running
from tests.bench.figure import Compared, Figure
from tests.bench.node_peers import install_node_peers
from tests.bench.process import pin

ROUNDS_COUNT = 5
DELIVERIES_COUNT = 200_000
"""Of one run: a second or so of a server's time."""
IN_FLIGHT = {100: 16, 1_000: 4, 3_000: 2}
"""Events that are under way at once, by the number of clients."""

_GOALS: Mapping[tuple[str, int], str] = {
    (SOCKET_IO.name, 100): "≥ 1.3",
    (SOCKET_IO.name, 1_000): "≥ 1.5",
    (SOCKET_IO.name, 3_000): "≥ 1.5",
    (WS.name, 1_000): "≥ 1.1",
    (BROADCAST.name, 1_000): "≥ 1.3",
}


async def cost_rows() -> Sequence[Figure]:
    """Measure all servers in turns, with 100, 1,000 and 3,000 clients."""
    no_node = await asyncio.to_thread(install_node_peers)
    kinds = [OURS, BROADCAST] if no_node else [OURS, SOCKET_IO, WS, BROADCAST]
    if no_node:
        print(f"Socket.IO and ws are missing: {no_node}.")
    pin(os.getpid(), 1)
    rows: list[Figure] = []
    for size in IN_FLIGHT:
        costs_us: dict[str, list[float]] = {kind.name: [] for kind in kinds}
        held_kb: dict[str, list[float]] = {kind.name: [] for kind in kinds}
        for number in range(ROUNDS_COUNT):
            began_at_s = time.monotonic()
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                cost_us, kb = await _measured(kind, size)
                costs_us[kind.name].append(cost_us)
                held_kb[kind.name].append(kb)
            print(f"Fan-out to {size:,}, round {number + 1} of {ROUNDS_COUNT}: {time.monotonic() - began_at_s:.0f} s")
        for kind in kinds[1:]:
            goal = _GOALS.get((kind.name, size), "–")
            rows.append(_cheaper(size, costs_us[OURS.name], costs_us[kind.name], goal, kind.name))
        if size == 1_000:
            rows += [
                Figure(f"F4: KiB per connection, {kind.name.partition(':')[0]}", held_kb[kind.name], goal)
                for kind, goal in zip(kinds, ["≤ 30", *["–"] * 3], strict=False)
            ]
    return rows


def _cheaper(size: int, ours_us: Sequence[float], peer_us: Sequence[float], goal: str, peer_name: str) -> Figure:
    row = "F1" if peer_name == SOCKET_IO.name else "F2"
    name = f"{row}: server CPU µs / delivery to {size:,}"
    return Figure(name, ours_us, goal, peer_us, peer_name, Compared.PEER_BY_OURS)


async def _measured(kind: Kind, size: int) -> tuple[float, float]:
    """Return the server's processor time for one delivery, in µs, and what one connection holds, in KiB."""
    async with running(kind) as server:
        with ExitStack() as stack:
            before_bytes = server.process.memory_info().rss
            opened = stack.enter_context(crowd(server.port, server.feed_port, kind.dialect, size=size))
            kb = (server.process.memory_info().rss - before_bytes) / size / 1_024
            count = DELIVERIES_COUNT // size
            await asyncio.to_thread(opened.deliver, max(count // 10, 1), in_flight=IN_FLIGHT[size])
            before_s, client_share = server.cpu_s(), busy_share()
            deliveries = await asyncio.to_thread(opened.deliver, count, in_flight=IN_FLIGHT[size])
            cost_us = (server.cpu_s() - before_s) / deliveries * 1e6
            who, share = kind.name.partition(":")[0], client_share()
        print(f"{size:,} clients, {who}: {cost_us:.2f} µs / delivery, the load client at {share:.0%} of its core")
        return cost_us, kb
