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

from tests.bench.process import ROOT, listening
from tests.processes.ports import free_ports

_FOLDER = Path(__file__).with_name("peers")
_VENV = ROOT / ".venv-bench"
_GIVES_UP_S = 60.0


@dataclass(frozen=True)
class Peer:
    """Another queue that is ready to be measured.

    Args:
        script: Which of ``peers/``.
        server: How the script finds its server.
    """

    script: str
    server: str

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

    @asynccontextmanager
    async def _part(self, part: str, count: int) -> AsyncIterator[Process]:
        command = (_VENV / "bin/python", _FOLDER / self.script, part, self.server, str(count))
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
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


async def why_no_redis() -> str:
    """Install Redis where that can be done; returns why there is none, or nothing."""
    if shutil.which("redis-server") is not None:
        return ""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "no redis-server here, and only root can install Debian's"
    print("Installing Debian's redis-server (once) …")
    try:
        await _run("apt-get", "update", "-qq")
        # At run level 1 the package does not start a server of its own.
        await _run("env", "RUNLEVEL=1", "apt-get", "install", "-y", "-qq", "--no-install-recommends", "redis-server")
    except AssertionError as error:
        return f"no redis-server here, and it could not be installed: {error}"
    return ""


@asynccontextmanager
async def redis_server(directory: Path) -> AsyncIterator[int]:
    """Run a Redis that syncs its log before it answers, for the length of the block; yields its port."""
    port = free_ports(["redis"])["redis"]
    directory.mkdir()
    settings = {"port": port, "bind": "127.0.0.1", "dir": directory, "appendonly": "yes", "appendfsync": "always"}
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
