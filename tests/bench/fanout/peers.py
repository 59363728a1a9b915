"""The servers of the fan-out benchmark: ours, and the others with their own packages."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil

from tests.bench.fanout.load import Dialect
from tests.bench.node_peers import NODE
from tests.bench.process import ROOT, cpu_clock_s, listening, pin
from tests.processes.ports import free_ports

_OUR_WORDS = (json.dumps({"type": "hello", "token": "t"}), json.dumps({"type": "subscribe", "channel": "queue"}))


@dataclass(frozen=True)
class Kind:
    """A server that can be measured.

    Args:
        name: What it is and how it was set up.
        command: Starts it; a port for clients and one for events are added.
        dialect: How its clients begin.
    """

    name: str
    command: Sequence[str]
    dialect: Dialect


OURS = Kind("ours", (sys.executable, "-m", "tests.bench.fanout.server"), Dialect("/ws", _OUR_WORDS, b'"subscribed"'))
BROADCAST = Kind(
    "websockets.broadcast(): uvloop, compression=None",
    (sys.executable, "-m", "tests.bench.fanout.broadcast"),
    Dialect(),
)
SOCKET_IO = Kind(
    "Socket.IO io.to(room).emit: websocket only, perMessageDeflate false, NODE_ENV production",
    ("node", str(NODE / "fanout_socketio.js")),
    Dialect("/socket.io/?EIO=4&transport=websocket", ("40",), b'40{"sid"'),
)
WS = Kind(
    "ws: encoded once, send() to each, perMessageDeflate false, NODE_ENV production",
    ("node", str(NODE / "fanout_ws.js")),
    Dialect(),
)


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    kind: Kind
    process: psutil.Process
    port: int
    feed_port: int

    def cpu_s(self) -> float:
        """Return the processor time it has used."""
        return cpu_clock_s(self.process.pid)


@asynccontextmanager
async def running(kind: Kind) -> AsyncIterator[Running]:
    """Run a server on the first core for the length of the block."""
    ports = free_ports(["clients", "feed"])
    started = subprocess.Popen(  # noqa: ASYNC220 - psutil wants a plain pid, and nothing else runs yet
        [*kind.command, str(ports["clients"]), str(ports["feed"])], cwd=ROOT, env=dict(os.environ)
    )
    try:
        for port in ports.values():
            await listening(port, what=kind.name)
        pin(started.pid, 0)
        yield Running(kind, psutil.Process(started.pid), ports["clients"], ports["feed"])
    finally:
        started.send_signal(signal.SIGKILL)
        await asyncio.to_thread(started.wait, 30)
