"""Fan-out beside others: what a delivery costs the server, and what a connection holds."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.bench.fanout.load import Crowd, crowd
from tests.bench.fanout.peers import BROADCAST, OURS, SOCKET_IO, WS, Kind, Running, running
from tests.bench.figure import NO_GOAL, Compared, Figure
from tests.bench.node_peers import install_node_peers
from tests.bench.process import busy_share, pin

ROUNDS_COUNT = 5
DELIVERIES_COUNT = 100_000
"""Of one run: half a second or so of a server's time."""
IN_FLIGHT: Mapping[int, Sequence[int]] = {100: (1, 16), 1_000: (1, 4), 3_000: (1, 2)}
"""Events that are under way at once, by the number of clients. With one, the next comes when all have the one before;
what comes together ours joins into one write, which the others do not."""

_KINDS = (OURS, SOCKET_IO, WS, BROADCAST)
_ON_NODE = (SOCKET_IO, WS)
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
    kinds = [kind for kind in _KINDS if not no_node or kind not in _ON_NODE]
    pin(os.getpid(), 1)
    rows: list[Figure] = []
    for size, in_flight_counts in IN_FLIGHT.items():
        costs = {kind.name: _Costs({count: [] for count in in_flight_counts}) for kind in _KINDS}
        for number in range(ROUNDS_COUNT):
            began_at_s = time.monotonic()
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                await _measure(kind, size, costs[kind.name])
            print(f"Fan-out to {size:,}, round {number + 1} of {ROUNDS_COUNT}: {time.monotonic() - began_at_s:.0f} s")
        rows += [
            _cheaper(size, count, costs, kind, "" if kind in kinds else no_node)
            for count in in_flight_counts
            for kind in _KINDS[1:]
        ]
        if size == 1_000:
            rows += [
                Figure(
                    f"F4: KiB per connection, {kind.name.partition(':')[0]}",
                    costs[kind.name].held_kb,
                    "≤ 30" if kind is OURS else NO_GOAL,
                )
                for kind in kinds
            ]
        rows += [
            Figure(
                f"{'F1' if kind in (OURS, SOCKET_IO) else 'F2'}: load client's share of its core, {size:,} clients of "
                f"{kind.name.partition(':')[0]}",
                costs[kind.name].client_shares,
            )
            for kind in kinds
        ]
    return rows


def _cheaper(size: int, in_flight: int, costs: Mapping[str, _Costs], peer: Kind, missing: str) -> Figure:
    row = "F1" if peer is SOCKET_IO else "F2"
    pace = "one event at a time" if in_flight == 1 else f"{in_flight} events at once"
    goal = _GOALS.get((peer.name, size), NO_GOAL) if in_flight == 1 else NO_GOAL
    name = f"{row}: server CPU µs / delivery to {size:,}, {pace}"
    ours_us, peer_us = costs[OURS.name].us[in_flight], costs[peer.name].us[in_flight]
    return Figure(name, ours_us, goal, peer_us, peer.name, Compared.PEER_BY_OURS, missing)


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
