"""``python -m tests.bench.fanout.server PORT FEED_PORT``: the gateway's own /ws, fed with lines instead of a queue.

Clients say hello and subscribe as ever; only who they are and what the queue says is made up.
"""

import asyncio
import sys
from contextlib import closing
from typing import Any

import msgspec
import uvloop
from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from clipferry.queue.v1 import job_pb2
from gateway.auth.caller import Caller
from gateway.auth.scopes import OF_ROLE
from gateway.http_protocol import HttpTerms
from gateway.live.board import PROGRESS
from gateway.live.connection import Live
from gateway.live.door import Door
from gateway.live.endpoint import WebSocketEndpoint
from gateway.live.frames import text_frame
from gateway.live.hub import QUEUE, Hub
from gateway.live.numbers import Numbers
from gateway.live.places import live_places
from gateway.live.publisher import Publisher
from gateway.live.snapshots import Snapshots
from gateway.live.terms import LiveTerms, WriteTerms
from gateway.serving import listen, serving
from services.chassis.clock import SystemClock
from tests.bench.fanout.feed import feed

_MANY = 1_000_000
TERMS = LiveTerms(
    connection_count=_MANY,
    connections_per_address=_MANY,
    waiting_per_address=_MANY,
    connections_per_user=_MANY,
    subscription_count=64,
    commands_per_minute=600,
    hello_timeout_s=60,
    ping_interval_ms=3_600_000,
    ping_timeout_s=60,
)


class OpenGate:
    """Takes anybody for ann."""

    async def verify(self, _token: str, _address: str) -> Caller:
        return Caller("ann", "session", 4_000_000_000, OF_ROLE["user"], frozenset())


class NoStats:
    """A queue that has done nothing."""

    async def stats(self, _owner: str, *, timeout_s: float) -> job_pb2.Stats:
        return job_pb2.Stats()


async def main(port: int, feed_port: int) -> None:
    """Serve until ended."""
    clock = SystemClock()
    places = live_places(TERMS, clock)
    hub = Hub(TERMS, places.users)
    gate: Any = OpenGate()
    queue: Any = NoStats()
    with closing(Publisher(hub, clock)) as publisher, closing(listen("127.0.0.1", port)) as listener:
        snapshots, numbers = Snapshots(queue, publisher), Numbers(queue, hub, publisher, clock)
        live = Live(gate, hub, publisher, snapshots, numbers, clock, TERMS, Door(TERMS, places))
        app = FastAPI(routes=[WebSocketRoute("/ws", WebSocketEndpoint(live, frozenset()))])

        def tell(line: bytes) -> None:
            event = msgspec.json.decode(line)
            # As the publisher has it: of progress the newest of each job is enough, all else must arrive.
            key = (PROGRESS, event["jobId"]) if event["type"] == PROGRESS else None
            hub.broadcast(QUEUE, "ann", text_frame(event), key)

        async with (
            serving(app, listener, drain_s=1, http_terms=HttpTerms(), write_terms=WriteTerms()),
            feed(feed_port, tell),
        ):
            await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
