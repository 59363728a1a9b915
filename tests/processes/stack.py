"""All of clipferry and its sandbox as real processes, started and killed one by one."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from sandbox.run.config import RunSettings, environment
from sandbox.run.gateway import Gateway, signed_in
from sandbox.run.programs import Program, programs
from tests.fakes.eventually import eventually
from tests.processes.ports import DEFAULTS, free_ports

ROOT = Path(__file__).parent.parent.parent

SHORT: Mapping[str, str] = {
    "ADDRESS_REQUESTS_PER_MIN": "0",
    "AUTO_CLEANUP_INTERVAL": "1000",
    "BEAT_INTERVAL_S": "0.5",
    "DRAIN_S": "1",
    "LEASE_TTL_S": "5",
    "MAX_QUEUE_SIZE": "5",
    "REAP_INTERVAL_S": "0.2",
    "REQUESTS_PER_MIN": "0",
    "RETRY_BACKOFF_S": "0",
    "STATS_INTERVAL_S": "0.5",
    "SUBMITS_PER_MIN": "0",
    "TELEGRAM_CHAT_MESSAGES_PER_S": "0",
    "TELEGRAM_GROUP_MESSAGES_PER_MIN": "0",
    "TELEGRAM_MESSAGES_PER_S": "0",
    "WORKER_SPAWN_DELAY": "0",
}
"""Settings that let a test see in seconds what takes minutes in production."""


class Stack:
    """The processes. Everything they keep is in memory, so that what they write to a disk is really theirs.

    Args:
        directory: On tmpfs: databases, logs, videos.
        settings: Ports and keys.
        variables: Environment of every process.
    """

    def __init__(self, directory: Path, settings: RunSettings, variables: Mapping[str, str]) -> None:
        self.directory = directory
        self.settings = settings
        self.variables = dict(variables)
        self.programs: dict[str, Program] = {program.name: program for program in programs(settings)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def api_key(self) -> str:
        """Of the administrator."""
        return self.variables["ADMIN_API_KEY"]

    @property
    def tmpfs_dir(self) -> Path:
        """Where the processor holds videos."""
        return Path(self.variables["TMPFS_DIR"])

    def page(self, path: str) -> str:
        """Return the address of `path` at the sample site."""
        return f"{self.settings.site_url}{path}"

    def pid(self, name: str) -> int:
        """Return the process id of a program."""
        return self._processes[name].pid

    def start(self, name: str, module: str = "", **changed: str) -> None:
        """Start a program, with `changed` variables; a `name` that is not in the list needs its `module`."""
        module = module or self.programs[name].module
        with (self.directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env=self.variables | changed,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a program alone, and wait until it is gone; returns its exit status."""
        process = self._processes.pop(name)
        process.send_signal(number)
        return process.wait(30)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a program alone that does not end it."""
        self._processes[name].send_signal(number)

    def has_ended(self, name: str) -> bool:
        """Return whether a program that was started has ended by itself."""
        return self._processes[name].poll() is not None

    async def until_ready(self, *names: str) -> None:
        """Wait until the named programs, or all of them, answer."""
        for name in names or self.programs:
            await eventually(partial(self._is_ready, name), within_s=60, what=f"{name} is ready")

    async def _is_ready(self, name: str) -> bool:
        status = self._processes[name].poll()
        assert status is None, f"{name} ended with status {status}"
        return await self.programs[name].is_ready()

    def stop(self) -> None:
        """End every process."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()

    def logs(self) -> str:
        """Return the end of every log, for the report of a failed test."""
        parts = [f"--- {path.name} ---\n{_tail(path)}" for path in sorted(self.directory.glob("*.log"))]
        return "\n".join(parts)

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Gateway]:
        """Sign in as the administrator for the length of the block."""
        async with signed_in(self.settings.gateway_url, self.api_key) as gateway:
            yield gateway

    async def messages(self) -> list[dict[str, Any]]:
        """Return what the Bot API accepted."""
        found: list[dict[str, Any]] = (await self._get(f"{self.settings.bot_api_url}/sandbox/messages"))["messages"]
        return found

    async def traffic(self, path: str) -> dict[str, int]:
        """Return the sample site's counters for `path`: requests, bytesSent, open."""
        counters: dict[str, dict[str, int]] = await self._get(self.page("/traffic.json"))
        return counters.get(path, {"requests": 0, "bytesSent": 0, "open": 0})

    async def truth(self) -> dict[str, Any]:
        """Return what the sample site says of its samples."""
        return await self._get(self.page("/samples.json"))

    async def open_gate(self, gate: str) -> None:
        """Let the second half of ``/gated/<gate>/…`` go."""
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.post(self.page(f"/gates/{gate}"))

    async def memory_is_free(self) -> None:
        """Wait until no job holds memory, by the numbers and on tmpfs."""

        async def is_free() -> bool:
            health = await self._get(f"{self.settings.gateway_url}/health", Authorization=f"Bearer {self.api_key}")
            memory = health["memory"]
            return memory["current"] == 0 and memory["activeAllocations"] == 0 and not self.held_files()

        await eventually(is_free, within_s=30, what="all memory is free")

    def held_files(self) -> list[Path]:
        """Return the files of jobs on tmpfs."""
        return [path for path in self.tmpfs_dir.glob("run-*/job-*/**/*") if path.is_file()]

    async def _get(self, url: str, **headers: str) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=10, trust_env=False, headers=headers) as http:
            found: dict[str, Any] = (await http.get(url)).json()
            return found


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-25:])


@contextmanager
def running_stack(ports: Mapping[str, int] | None = None, **changed: str) -> Iterator[Stack]:
    """Start everything and wait until it answers. Do not call from a running event loop.

    Args:
        ports: By variable. Default: free ones.
        changed: Variables beside `SHORT`.
    """
    with prepared_stack(ports, **changed) as stack:
        for name in stack.programs:
            stack.start(name)
        try:
            asyncio.run(stack.until_ready())
        except AssertionError as error:
            raise AssertionError(f"{error}\n{stack.logs()}") from None
        yield stack


@contextmanager
def prepared_stack(ports: Mapping[str, int] | None = None, **changed: str) -> Iterator[Stack]:
    """Make a stack of which nothing runs yet. See `running_stack`."""
    with memory_directory() as directory:
        variables = isolated_environment(directory, ports or {}) | changed
        settings = RunSettings.model_validate(variables)
        stack = Stack(directory, settings, environment(settings, variables))
        try:
            yield stack
        finally:
            stack.stop()


@contextmanager
def memory_directory() -> Iterator[Path]:
    """Make a directory on tmpfs where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="clipferry-test-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def isolated_environment(directory: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """Return variables for processes of a test: nothing of the caller's environment but what a program needs."""
    addresses = dict(ports) or free_ports(list(DEFAULTS))
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "LC_ALL")},
        **{name: f"127.0.0.1:{port}" if name.endswith("_ADDRESS") else str(port) for name, port in addresses.items()},
        "TMPFS_DIR": str(directory / "videos"),
        "VAR_DIR": str(directory),
        **SHORT,
    }
