"""Other queues, measured in the same run: each with its own packages and in its own processes."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.node_peers import NODE
from tests.bench.process import ROOT, listening
from tests.processes.ports import free_ports

_FOLDER = Path(__file__).parent.with_name("peers")
_VENV = ROOT / ".venv-bench"
_GIVES_UP_S = 60.0
_PRODUCTION = {"NODE_ENV": "production"}


@dataclass(frozen=True)
class PeerRun:
    """What came of one run.

    Args:
        taken_s: From the first call until the last job is recorded as done.
        enqueuer_share: How much of a core the process that enqueues has used meanwhile.
        worker_share: The same of the one that works.
    """

    taken_s: float
    enqueuer_share: float
    worker_share: float


@dataclass(frozen=True)
class Peer:
    """Another queue that is ready to be measured.

    Args:
        script: Which of ``peers/``.
        server: How the script finds its server.
        setup: How it was set up, in words.
    """

    script: str
    server: str
    setup: str

    async def lives(self, count: int) -> PeerRun:
        """Live `count` lives: enqueued in one process, run in another.

        Raises:
            AssertionError: If a job is missing.
            TimeoutError: If that takes more than a minute, as it does when a job is lost on its way.
        """
        async with (
            asyncio.timeout(_GIVES_UP_S),
            self._part("work", count) as worker,
            self._part("enqueue", count) as enqueuer,
        ):
            assert enqueuer.stdin is not None
            enqueuer.stdin.write(b"\n")
            started_at_s = float(await _line(enqueuer))
            taken_s = float(await _line(worker)) - started_at_s
            enqueuer_cpu_s, worker_cpu_s = float(await _line(enqueuer)), float(await _line(worker))
            assert await enqueuer.wait() == 0, f"{self.script} could not enqueue"
            assert await worker.wait() == 0, f"{self.script} lost jobs"
        return PeerRun(taken_s, enqueuer_cpu_s / taken_s, worker_cpu_s / taken_s)

    def _runtime(self) -> tuple[str, str]:
        if self.script.endswith(".js"):
            return "node", str(NODE / self.script)
        return str(_VENV / "bin/python"), str(_FOLDER / self.script)

    @asynccontextmanager
    async def _part(self, part: str, count: int) -> AsyncIterator[Process]:
        process = await asyncio.create_subprocess_exec(
            *self._runtime(), part, self.server, str(count), stdin=PIPE, stdout=PIPE, env=os.environ | _PRODUCTION
        )
        try:
            assert await _line(process) == "ready"
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def install_python_peers() -> str:
    """Install the peers in Python, apart from the project's own packages; again when their pins have changed.

    Returns:
        Why that cannot be, or nothing.
    """
    stamp = _VENV / "requirements.txt"
    wanted = _FOLDER / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
        return ""
    print(f"Installing the peers into {_VENV.name} (once) …")
    if not await _run(sys.executable, "-m", "venv", "--clear", str(_VENV)):
        return "no virtual environment could be made"
    (_VENV / ".gitignore").write_text("*\n")
    pip = (str(_VENV / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    if not await _run(*pip, "-r", str(wanted)):
        return "pip install failed"
    shutil.copy(wanted, stamp)
    return ""


async def install_redis() -> str:
    """Install Debian's Redis where there is none; returns why that cannot be, or nothing."""
    if shutil.which("redis-server") is not None:
        return ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "redis-server is missing, and only root can install Debian's"
    print("Installing Debian's redis-server (once) …")
    # At run level 1 the package does not start a server of its own.
    install = ("env", "RUNLEVEL=1", "apt-get", "install", "-y", "-qq", "--no-install-recommends", "redis-server")
    if not (await _run("apt-get", "update", "-qq") and await _run(*install)):
        return "redis-server is missing, and apt-get install failed"
    return ""


@asynccontextmanager
async def redis_server(directory: Path, *, fsync: str) -> AsyncIterator[int]:
    """Run a Redis for the length of the block; yields its port.

    Args:
        directory: Of its log; it is made.
        fsync: ``always`` syncs the log before it answers; ``everysec`` may lose a second.
    """
    port = free_ports(["redis"])["redis"]
    directory.mkdir()
    settings = {"port": port, "bind": "127.0.0.1", "dir": directory, "appendonly": "yes", "appendfsync": fsync}
    settings["maxmemory-policy"] = "noeviction"  # as BullMQ wants it; the default as well
    command = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        "redis-server", *command, "--save", "", "--loglevel", "warning", stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await listening(port, what="redis-server")
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _line(process: Process) -> str:
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().strip()
    assert line, f"a peer ended early, with status {await process.wait()}"
    return line


async def _run(*command: str) -> bool:
    """Run a command; returns whether it has done what it should."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait() == 0
