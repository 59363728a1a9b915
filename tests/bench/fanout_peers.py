"""The servers of the fan-out benchmark: ours, and the others with their own packages."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.fanout_load import Dialect, pin
from tests.bench.process import ROOT, listening
from tests.processes.ports import free_ports

_PEERS = Path(__file__).parent / "peers"
NODE = ROOT / ".venv-bench" / "node"

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


OURS = Kind("ours", (sys.executable, "-m", "tests.bench.fanout_server"), Dialect("/ws", _OUR_WORDS, b'"subscribed"'))
BROADCAST = Kind(
    "websockets.broadcast(): uvloop, compression=None",
    (sys.executable, "-m", "tests.bench.fanout_broadcast"),
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


def install_node_peers() -> str:
    """Install the peers that run on Node, once; returns why that cannot be, or nothing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not here"
    NODE.mkdir(parents=True, exist_ok=True)
    wanted = [*_PEERS.glob("*.js"), *(_PEERS / "node").glob("package*.json")]
    lock = _PEERS / "node" / "package-lock.json"
    installed = NODE / "package-lock.json"
    is_current = installed.exists() and installed.read_bytes() == lock.read_bytes() and (NODE / "node_modules").exists()
    for path in wanted:
        shutil.copy(path, NODE / path.name)
    if not is_current:
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODE, check=True)
    return ""


@asynccontextmanager
async def node_peer(script: str, port: int, **environment: str) -> AsyncIterator[psutil.Process]:
    """Run a script of the peers on the first core for the length of the block, from the moment it listens."""
    started = subprocess.Popen(  # noqa: ASYNC220 - psutil wants a plain pid, and nothing else runs yet
        ["node", str(NODE / script), str(port)], cwd=ROOT, env=os.environ | environment
    )
    try:
        await listening(port, what=script)
        pin(started.pid, 0)
        yield psutil.Process(started.pid)
    finally:
        started.send_signal(signal.SIGKILL)
        await asyncio.to_thread(started.wait, 30)


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    kind: Kind
    process: psutil.Process
    port: int
    feed_port: int

    def cpu_s(self) -> float:
        """Return the processor time it has used, to the nanosecond: the kernel keeps a clock of each process."""
        return time.clock_gettime((~self.process.pid << 3) | 2)


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
