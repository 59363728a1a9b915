"""Many events a second to a hundred clients: what a frame costs the server that may write several at once."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from tests.bench.fanout.load import crowd
from tests.bench.fanout.peers import OURS, SOCKET_IO, Kind, running
from tests.bench.figure import Figure
from tests.bench.node_peers import install_node_peers
from tests.bench.process import busy_share, pin

ROUNDS_COUNT = 5
CLIENTS_COUNT = 100
SECONDS = 4.0
STREAMS: Mapping[str, tuple[int, int, str]] = {
    "500 a second, evenly": (500, 1, "≤ 0.15"),
    "1,200 a second, evenly": (1_200, 1, "≤ 0.15"),
    "500 a second, 50 at once": (500, 50, "≤ 0.15"),
}
"""Events a second, how many of them come together, and the goal."""


async def burst_rows() -> Sequence[Figure]:
    """Measure ours and Socket.IO in turns under the same streams."""
    no_node = await asyncio.to_thread(install_node_peers)
    pin(os.getpid(), 1)
    client_shares: list[float] = []
    ours: dict[str, list[float]] = {name: [] for name in STREAMS}
    theirs: dict[str, list[float]] = {name: [] for name in STREAMS}
    for number in range(ROUNDS_COUNT):
        shares: list[float] = []
        for name in STREAMS:
            both = [(OURS, ours)] if no_node else [(OURS, ours), (SOCKET_IO, theirs)]
            for kind, costs_us in both if number % 2 == 0 else reversed(both):
                cost_us, share = await _cost_us(kind, name)
                costs_us[name].append(cost_us)
                shares.append(share)
        client_shares.append(max(shares))
    what = f"F3: server CPU µs / frame to {CLIENTS_COUNT} clients, events"
    return [
        *(
            Figure(f"{what}: {name}", ours[name], goal, theirs[name], SOCKET_IO.name, missing=no_node)
            for name, (_, _, goal) in STREAMS.items()
        ),
        Figure("F3: load client's share of its core, at most", client_shares),
    ]


async def _cost_us(kind: Kind, name: str) -> tuple[float, float]:
    """Return the server's processor time for a frame to a client, in µs, and the load client's share of its core."""
    per_second, at_once, _ = STREAMS[name]
    async with running(kind) as server:
        with ExitStack() as stack:
            opened = stack.enter_context(crowd(server.port, server.feed_port, kind.dialect, size=CLIENTS_COUNT))
            await asyncio.to_thread(opened.stream, 1.0, per_second=per_second, at_once=at_once)
            before_s, client_share = server.cpu_s(), busy_share()
            frames = await asyncio.to_thread(opened.stream, SECONDS, per_second=per_second, at_once=at_once)
            cost_us = (server.cpu_s() - before_s) / frames * 1e6
            share = client_share()
    who = kind.name.partition(":")[0]
    print(f"Events {name}, {who}: {cost_us:.2f} µs / frame, the load client at {share:.0%} of its core")
    return cost_us, share
