"""Fan-out beside others: what a delivery costs the server, and what a connection holds."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.bench.fanout.load import Crowd, busy_share, crowd
from tests.bench.fanout.peers import BROADCAST, OURS, SOCKET_IO, WS, Kind, Running, running
from tests.bench.figure import Compared, Figure
from tests.bench.node_peers import install_node_peers
from tests.bench.process import pin

ROUNDS_COUNT = 5
DELIVERIES_COUNT = 100_000
"""Of one run: half a second or so of a server's time."""
IN_FLIGHT: Mapping[int, Sequence[int]] = {100: (1, 16), 1_000: (1, 4), 3_000: (1, 2)}
"""Events that are under way at once, by the number of clients. With one, the next comes when all have the one before;
what comes together ours joins into one write, which the others do not."""

_GOALS: Mapping[tuple[str, int], str] = {
    (SOCKET_IO.name, 100): "≥ 1.3",
    (SOCKET_IO.name, 1_000): "≥ 1.5",
    (SOCKET_IO.name, 3_000): "≥ 1.5",
    (WS.name, 1_000): "≥ 1.1",
    (BROADCAST.name, 1_000): "≥ 1.3",
}
"""Of one event at a time."""


@dataclass(frozen=True)
class _Costs:
    """What the runs of one server with one number of clients have shown."""

    us: Mapping[int, list[float]]
    """The server's processor time for one delivery, by the events in flight."""
    held_kb: list[float] = field(default_factory=list)
    """What one connection holds, in KiB."""
    client_shares: list[float] = field(default_factory=list)
    """How much of its core the load client has used."""


async def cost_rows() -> Sequence[Figure]:
    """Measure all servers in turns, with 100, 1,000 and 3,000 clients."""
    no_node = await asyncio.to_thread(install_node_peers)
    kinds = [OURS, BROADCAST] if no_node else [OURS, SOCKET_IO, WS, BROADCAST]
    if no_node:
        print(f"Socket.IO and ws are missing: {no_node}.")
    pin(os.getpid(), 1)
    rows: list[Figure] = []
    for size, in_flight_counts in IN_FLIGHT.items():
        costs = {kind.name: _Costs({count: [] for count in in_flight_counts}) for kind in kinds}
        for number in range(ROUNDS_COUNT):
            began_at_s = time.monotonic()
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                await _measure(kind, size, costs[kind.name])
            print(f"Fan-out to {size:,}, round {number + 1} of {ROUNDS_COUNT}: {time.monotonic() - began_at_s:.0f} s")
        ours = costs[OURS.name]
        rows += [
            _cheaper(size, count, ours.us[count], costs[kind.name].us[count], kind.name)
            for count in in_flight_counts
            for kind in kinds[1:]
        ]
        if size == 1_000:
            rows += [
                Figure(f"F4: KiB per connection, {kind.name.partition(':')[0]}", costs[kind.name].held_kb, goal)
                for kind, goal in zip(kinds, ["≤ 30", *["–"] * 3], strict=False)
            ]
        rows.append(Figure(f"F1: load client's share of its core, {size:,} clients", ours.client_shares))
    return rows


def _cheaper(size: int, in_flight: int, ours_us: Sequence[float], peer_us: Sequence[float], peer_name: str) -> Figure:
    row = "F1" if peer_name == SOCKET_IO.name else "F2"
    pace = "one event at a time" if in_flight == 1 else f"{in_flight} events at once"
    goal = _GOALS.get((peer_name, size), "–") if in_flight == 1 else "–"
    name = f"{row}: server CPU µs / delivery to {size:,}, {pace}"
    return Figure(name, ours_us, goal, peer_us, peer_name, Compared.PEER_BY_OURS)


async def _measure(kind: Kind, size: int, costs: _Costs) -> None:
    """Run a server and have events delivered, so many at once as `costs` asks for."""
    async with running(kind) as server:
        with ExitStack() as stack:
            before_bytes = server.process.memory_info().rss
            opened = stack.enter_context(crowd(server.port, server.feed_port, kind.dialect, size=size))
            costs.held_kb.append((server.process.memory_info().rss - before_bytes) / size / 1_024)
            client_share = busy_share()
            for in_flight, found_us in costs.us.items():
                found_us.append(await _cost_us(server, opened, DELIVERIES_COUNT // size, in_flight))
            costs.client_shares.append(client_share())
    who, share = kind.name.partition(":")[0], costs.client_shares[-1]
    shown = ", ".join(f"{found_us[-1]:.2f} with {in_flight} in flight" for in_flight, found_us in costs.us.items())
    print(f"{size:,} clients, {who}: µs / delivery {shown}; the load client at {share:.0%} of its core")


async def _cost_us(server: Running, opened: Crowd, count: int, in_flight: int) -> float:
    """Return the server's processor time for one delivery of `count` events to everybody, in µs."""
    await asyncio.to_thread(opened.deliver, max(count // 10, 1), in_flight=in_flight)
    before_s = server.cpu_s()
    deliveries = await asyncio.to_thread(opened.deliver, count, in_flight=in_flight)
    return (server.cpu_s() - before_s) / deliveries * 1e6
