"""The processes under supervisord, which is ours for as long as the block lasts."""

import asyncio
import os
import re
import shlex
import shutil
import sys
import tempfile
import xmlrpc.client
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from sandbox.run.programs import Program
from sandbox.run.tied import end_with_parent
from services.chassis.lifecycle import StartError

_EXIT_GRACE_S = 12.0
"""After the drain time, before a process is killed: longer than the services take to end themselves."""
_START_TIMEOUT_S = 90.0
_LOOK_EVERY_S = 0.2
_FRONT = ("processor", "gateway")
_CANNOT_START = 78
"""Exit status of a service whose settings are wrong: a second try would not help."""
_DOWN = frozenset({"FATAL", "STOPPED", "UNKNOWN"})


class Supervisor:
    """A running supervisord.

    Args:
        process: The supervisord.
        socket: Where it takes calls.
        log_dir: Where the programs' output is.
    """

    def __init__(self, process: asyncio.subprocess.Process, socket: Path, log_dir: Path) -> None:
        self._process = process
        self._socket = socket
        self._log_dir = log_dir

    async def until_down(self) -> StartError:
        """Wait until supervisord or a program is down for good, and return why."""
        while self._process.returncode is None:
            for info in await self._infos():
                # EXITED is also what a program is for the moment until it is started again.
                has_given_up = info["statename"] == "EXITED" and info["exitstatus"] == _CANNOT_START
                if has_given_up or info["statename"] in _DOWN:
                    return StartError(self._last_words(str(info["name"])))
            await asyncio.sleep(_LOOK_EVERY_S)
        return StartError(f"supervisord ended with status {self._process.returncode}; see {self._log_dir}.")

    async def _infos(self) -> list[dict[str, Any]]:
        transport = httpx.AsyncHTTPTransport(uds=str(self._socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://supervisor", timeout=5) as client:
            try:
                answer = await client.post(
                    "/RPC2",
                    content=xmlrpc.client.dumps((), "supervisor.getAllProcessInfo"),
                    headers={"Content-Type": "text/xml"},
                )
            except httpx.HTTPError:
                return []  # not up yet, or on its way down
        if answer.status_code != 200:
            return []
        (infos,), _ = xmlrpc.client.loads(answer.text)
        return infos if isinstance(infos, list) else []

    def _last_words(self, name: str) -> str:
        """Return what a program said on standard error before it ended, in one line."""
        log = self._log_dir / f"{name}.log"
        said = [line for line in log.read_text(errors="replace").splitlines() if line and not line.startswith("{")]
        heading = f"{name}: the settings are wrong:"
        words = " ".join(said[said.index(heading) :] if heading in said else said[-1:])
        return words if words.startswith(f"{name}: ") else f"{name}: {words or 'it ended without a word'} (see {log})"


@asynccontextmanager
async def supervised(
    wanted: list[Program], environment: Mapping[str, str], *, log_dir: Path, drain_s: float
) -> AsyncIterator[Supervisor]:
    """Run every program for the length of the block. However it is left, none of them is left.

    Args:
        environment: Of every program.
        log_dir: Each program writes its output into ``<name>.log`` there.
        drain_s: How long a program takes to finish its work.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    # Socket paths are limited to about 100 characters, so not in the log directory.
    private = Path(tempfile.mkdtemp(prefix="clipferry-run-"))
    config = private / "supervisord.conf"
    config.write_text(_config(wanted, private, log_dir, stop_wait_s=drain_s + _EXIT_GRACE_S))
    for program in wanted:
        (log_dir / f"{program.name}.log").unlink(missing_ok=True)
    try:
        with (log_dir / "supervisord.out").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)),
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for us alone; and if we are killed, it stops what it runs.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        try:
            yield Supervisor(process, private / "supervisor.sock", log_dir)
        finally:
            await _stop(process, drain_s + 2 * _EXIT_GRACE_S)
    finally:
        shutil.rmtree(private)


async def start(supervisor: Supervisor, ready: asyncio.Task[None]) -> None:
    """Wait for `ready`, or for what stands in its way.

    Raises:
        StartError: In the words of the program that could not start.
    """
    down = asyncio.create_task(supervisor.until_down(), name="watch-programs")
    try:
        await asyncio.wait({ready, down}, timeout=_START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            return ready.result()
        if down.done():
            raise down.result()
        raise StartError(f"the services were not ready within {_START_TIMEOUT_S:g} s; see their logs.")
    finally:
        for task in (ready, down):
            task.cancel()
        await asyncio.gather(ready, down, return_exceptions=True)


async def _stop(process: asyncio.subprocess.Process, within_s: float) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), within_s)
    except TimeoutError:
        process.kill()
        await process.wait()


def _config(wanted: list[Program], private: Path, log_dir: Path, *, stop_wait_s: float) -> str:
    socket, logs = _escaped(private / "supervisor.sock"), _escaped(log_dir.absolute())
    head = f"""\
[supervisord]
nodaemon=true
silent=true
logfile={logs}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={_escaped(private)}/supervisord.pid
{"user=root" if os.geteuid() == 0 else ""}

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + _groups(wanted) + "".join(_section(program, logs, stop_wait_s) for program in wanted)


def _groups(wanted: list[Program]) -> str:
    """Return two groups: who uses the others stops first, and all of a group at once."""
    back = ",".join(program.name for program in wanted if program.name not in _FRONT)
    return f"""
[group:back]
programs={back}
priority=1

[group:front]
programs={",".join(_FRONT)}
priority=2
"""


def _section(program: Program, logs: str, stop_wait_s: float) -> str:
    # Any other end that nobody asked us for: again.
    return f"""
[program:{program.name}]
command={_escaped(shlex.quote(sys.executable))} -m sandbox.run.tied {program.module}
startsecs=0
autorestart=unexpected
exitcodes={_CANNOT_START}
stopsignal=TERM
stopwaitsecs={round(stop_wait_s)}
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{program.name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
environment={",".join(f'{secret}=""' for secret in program.withheld)}
"""


def _escaped(path: Path | str) -> str:
    """Return text as supervisord's file wants it: with percent signs doubled."""
    return re.sub(r"%", "%%", str(path))
