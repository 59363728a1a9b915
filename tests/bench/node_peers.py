"""The peers that run on Node, with their own packages."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from tests.bench.process import ROOT, listening, pin

_PEERS = Path(__file__).parent / "peers"
NODE = ROOT / ".venv-bench" / "node"


def install_node_peers() -> str:
    """Install the peers that run on Node, once; returns why that cannot be, or nothing."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            return f"{tool} is missing"
    NODE.mkdir(parents=True, exist_ok=True)
    wanted = [*_PEERS.glob("*.js"), *(_PEERS / "node").glob("package*.json")]
    lock = _PEERS / "node" / "package-lock.json"
    installed = NODE / "package-lock.json"
    is_current = installed.exists() and installed.read_bytes() == lock.read_bytes() and (NODE / "node_modules").exists()
    for path in wanted:
        shutil.copy(path, NODE / path.name)
    if is_current:
        return ""
    installing = subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODE, check=False)
    return "npm ci failed" if installing.returncode else ""


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
