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

    async def lives(self, count: int) -> float:
        """Live `count` lives: enqueued in one process, run in another.

        Returns:
            Seconds from the first call until the last job is recorded as done.

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
            ended_at_s = float(await _line(worker))
            assert await enqueuer.wait() == 0, f"{self.script} could not enqueue"
            assert await worker.wait() == 0, f"{self.script} lost jobs"
        return ended_at_s - started_at_s

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


async def install_peers() -> None:
    """Install what the peers need, apart from the project's own packages; again when their pins have changed."""
    stamp = _VENV / "requirements.txt"
    wanted = _FOLDER / "requirements.txt"
    if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
        return
    print(f"Installing the peers into {_VENV.name} (once) …")
    await _run(sys.executable, "-m", "venv", "--clear", str(_VENV))
    (_VENV / ".gitignore").write_text("*\n")
    pip = (str(_VENV / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    await _run(*pip, "-r", str(wanted))
    shutil.copy(wanted, stamp)


async def install_redis() -> None:
    """Install Debian's Redis where there is none.

    Raises:
        SystemExit: If that cannot be done here.
    """
    if shutil.which("redis-server") is not None:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit("no redis-server here, and only root can install Debian's")
    print("Installing Debian's redis-server (once) …")
    await _run("apt-get", "update", "-qq")
    # At run level 1 the package does not start a server of its own.
    await _run("env", "RUNLEVEL=1", "apt-get", "install", "-y", "-qq", "--no-install-recommends", "redis-server")


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


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0, f"{' '.join(command)} failed"
