"""The `clipferry` command as a user calls it: in a shell's pipe, or at a terminal."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import psutil

from tests.processes.tools import VENV

CLIPFERRY = str(VENV / "bin" / "clipferry")
_WITHIN_S = 60


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    status: int
    output: str
    errors: str

    def json(self) -> Any:
        """Return what it wrote as JSON."""
        return json.loads(self.output)


@dataclass(frozen=True)
class Shell:
    """Somebody's environment, in a directory with nothing of clipferry in it.

    Args:
        home: The directory.
        variables: What is set.
    """

    home: Path
    variables: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """All that a command sees."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        path = f"{VENV / 'bin'}:{kept.get('PATH', '')}"
        return {**kept, "HOME": str(self.home), "TERM": "xterm-256color", **self.variables, "PATH": path}

    def without(self, *names: str, **changed: str) -> "Shell":
        """Return it with other variables."""
        kept = {name: value for name, value in self.variables.items() if name not in names}
        return Shell(self.home, kept | changed)

    async def run(self, *arguments: str, given: str = "") -> Ended:
        """Run the command where neither side is a terminal."""
        return await asyncio.to_thread(self._run, (CLIPFERRY, *arguments), given)

    async def line(self, line: str, given: str = "") -> Ended:
        """Run a line of bash."""
        return await asyncio.to_thread(self._run, ("bash", "-o", "pipefail", "-c", line), given)

    def _run(self, command: tuple[str, ...], given: str) -> Ended:
        ended = subprocess.run(
            command,
            cwd=self.home,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    @contextmanager
    def terminal(self, *arguments: str, command: str = CLIPFERRY, columns: int = 150) -> Iterator["Terminal"]:
        """Run the command at a terminal; whatever happens, it is gone after the block."""
        child = pexpect.spawn(
            command,
            list(arguments),
            cwd=str(self.home),
            env=self.environment,
            dimensions=(30, columns),
            encoding="utf-8",
            timeout=_WITHIN_S,
        )
        try:
            yield Terminal(child)
        finally:
            child.close(force=True)


class Terminal:
    """What a person sees and types."""

    def __init__(self, child: "pexpect.spawn[str]") -> None:
        self._child = child
        self.seen = ""

    async def shows(self, pattern: str) -> None:
        """Wait until it is on the screen."""
        await asyncio.to_thread(self._child.expect, pattern)
        self.seen += f"{self._child.before}{self._child.after}"

    def types(self, line: str) -> None:
        """Type a line, once what asks for it does not echo."""
        self._child.waitnoecho()
        self._child.sendline(line)

    def interrupts(self) -> None:
        """Press Ctrl-C."""
        self._child.sendintr()

    def ends_program(self) -> None:
        """Send SIGTERM to what the shell of this terminal runs."""
        for program in psutil.Process(self._child.pid).children():
            program.terminate()

    async def ended(self) -> int:
        """Wait for the end and return the exit status."""
        await asyncio.to_thread(self._child.expect, pexpect.EOF)
        self.seen += str(self._child.before)
        await asyncio.to_thread(self._child.wait)
        return int(self._child.exitstatus if self._child.exitstatus is not None else -1)
