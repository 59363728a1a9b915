"""``make run``: one command from nothing to a delivered video, and nothing left behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from sandbox.botapi.server import bot_api
from sandbox.run.config import SANDBOX_BOT_TOKEN
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import queue_and_gateway
from tests.processes.stack import ROOT, isolated_environment
from tests.processes.tools import MAKE, needs


@pytest.fixture
def variables(directory: Path) -> dict[str, str]:
    return isolated_environment(directory, {})


def _left_behind(directory: Path) -> list[str]:
    """Return the command of every process that was started for `directory`."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            belongs = f"VAR_DIR={directory}\0".encode() in (proc / "environ").read_bytes()
            if belongs and int(proc.name) != os.getpid():
                found.append((proc / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def _programs(directory: Path) -> dict[str, Path]:
    """Return the folder in /proc of each program that was started for `directory`, by its module."""
    found = {}
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            variables, command = (proc / "environ").read_bytes(), (proc / "cmdline").read_text().split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        is_ours = f"VAR_DIR={directory}\0".encode() in variables and command[1:2] == ["-m"]
        if is_ours and command[2].startswith(("services.", "gateway", "sandbox.")):
            found[command[2]] = proc
    return found


def _assert_nothing_is_left(directory: Path, variables: Mapping[str, str]) -> None:
    assert _left_behind(directory) == []
    assert not (directory / "videos").exists()
    assert not (directory / "run" / "run.json").exists()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(variables["PORT"])))


async def _ended(*command: str, variables: Mapping[str, str], within_s: float = 90) -> tuple[int, str, str]:
    """Run a command to its end; returns its status and what it wrote to standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), within_s)
    return process.returncode or 0, output.decode(), errors.decode()


async def _run(variables: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    return await _ended(sys.executable, "-m", "sandbox.run", *arguments, variables=variables)


@needs("make")
async def test_once(directory: Path, variables: dict[str, str]) -> None:
    """``make run ONCE=1`` delivers the sample page, shows its way, and ends with status 0 and nothing left."""
    status, output, errors = await _ended(*MAKE, "run", "ONCE=1", variables=variables)

    assert status == 0, f"{output}\n{errors}"
    assert "Arrived whole" in output
    assert "downloading" in output
    assert "sending" in output
    assert "\x1b" not in output, "control characters although this is no terminal"
    _assert_nothing_is_left(directory, variables)


async def test_once_fails_if_nothing_arrives(directory: Path, variables: dict[str, str]) -> None:
    site = f"http://127.0.0.1:{variables['SANDBOX_SITE_PORT']}"

    status, output, _ = await _run(variables, "--once", "--url", f"{site}/pages/no-video")

    assert status == 1
    assert "Did not arrive: failed: NO_VIDEO" in output
    _assert_nothing_is_left(directory, variables)


async def test_it_keeps_running_until_ctrl_c(directory: Path, variables: dict[str, str]) -> None:
    """It says where to look, answers ``make health-check`` and a second run, and Ctrl-C leaves nothing."""
    async with _running(variables) as (process, output):
        shown = "\n".join(output)
        assert f"http://127.0.0.1:{variables['PORT']}/#pair=" in shown
        assert "export JWT_TOKEN=" in shown
        assert "grpcurl" in shown

        told = {module: (proc / "environ").read_bytes() for module, proc in _programs(directory).items()}
        assert {"services.queue", "services.processor", "gateway"} <= told.keys()
        told_token = {module for module, known in told.items() if SANDBOX_BOT_TOKEN.encode() in known}
        assert told_token == {"services.notifier", "sandbox.botapi"}, "a secret is told to who needs it, only"

        status, _, errors = await _run(variables)
        assert status == 1
        assert errors.count("\n") == 1
        assert f"clipferry already runs here (pid {process.pid})" in errors

        for what, word in (
            ("queue-status", "of at most"),
            ("memory-status", "most for one video"),
            ("health", "all is well"),
        ):
            status, shown, errors = await _ended(sys.executable, "-m", "cli", what, variables=variables)
            assert status == 0, errors
            assert word in shown

        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 40) == 0
    _assert_nothing_is_left(directory, variables)
    status, _, errors = await _ended(sys.executable, "-m", "cli", "health", variables=variables)
    assert status == 3
    assert errors.count("\n") == 1


async def test_nothing_survives_its_death(directory: Path, variables: dict[str, str]) -> None:
    """Kill -9 of ``make run`` itself: what it started ends by itself."""
    async with _running(variables) as (process, _):
        process.kill()
        await process.wait()

        async def all_gone() -> bool:
            return not _left_behind(directory)

        await eventually(all_gone, within_s=40, what="every process is gone")


async def test_a_port_in_use(directory: Path, variables: dict[str, str]) -> None:
    """One line that names the port and the variable that moves it, before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(variables["PORT"])))
        taken.listen()

        status, output, errors = await _run(variables)

    assert status == 1
    assert errors.count("\n") == 1
    assert f"port {variables['PORT']}" in errors
    assert "PORT" in errors
    assert output == ""
    assert _left_behind(directory) == []


async def test_every_port_in_use_is_named(directory: Path, variables: dict[str, str]) -> None:
    """Also one that two programs would share."""
    port = variables["SANDBOX_SITE_PORT"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(variables["PORT"])))
        taken.listen()

        status, _, errors = await _run(variables | {"SANDBOX_BOT_API_PORT": port})

    assert status == 1
    assert errors.count("\n") == 1
    assert f"port {variables['PORT']} of the gateway" in errors
    assert f"SANDBOX_SITE_PORT and SANDBOX_BOT_API_PORT are both 127.0.0.1:{port}" in errors
    assert _left_behind(directory) == []


async def test_a_program_that_ends_is_started_again(directory: Path, variables: dict[str, str]) -> None:
    """Also when it was asked to end, and ended cleanly: only Ctrl-C stops the whole."""
    async with _running(variables) as (process, _):
        before = _programs(directory)["services.notifier"]
        os.kill(int(before.name), signal.SIGTERM)

        async def is_back() -> bool:
            now = _programs(directory).get("services.notifier")
            command = (sys.executable, "-m", "cli", "health")
            return now not in (None, before) and (await _ended(*command, variables=variables))[0] == 0

        await eventually(is_back, within_s=80, what="the notifier is back")
        assert process.returncode is None


async def test_nothing_survives_the_supervisor(directory: Path, variables: dict[str, str]) -> None:
    """Kill -9 of what holds the programs: they end by themselves, and it is said."""
    async with _running(variables) as (process, _):
        supervisor = next(int(Path(f"/proc/{pid}").name) for pid in _children(process.pid))
        os.kill(supervisor, signal.SIGKILL)
        assert await asyncio.wait_for(process.wait(), 40) == 1

        async def all_gone() -> bool:
            return not _left_behind(directory)

        await eventually(all_gone, within_s=40, what="every process is gone")


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def test_a_secret_file_that_is_not_there_is_one_mistake(directory: Path, variables: dict[str, str]) -> None:
    missing = {"TELEGRAM_BOT_TOKEN_FILE": f"{directory}/none", "TELEGRAM_CHAT_ID": "4"}

    status, _, errors = await _run(variables | missing)

    assert status == 78
    assert errors.count("\n") == 1
    assert "TELEGRAM_BOT_TOKEN_FILE" in errors


async def test_all_mistakes_are_told_at_once(directory: Path, variables: dict[str, str]) -> None:
    """Those of `make run` and those of every service, before anything is started, and no secret is shown."""
    wrong = {"PORT": "abc", "MAX_CONCURRENT_DOWNLOADS": "99", "MAX_QUEUE_SIZE": "0", "TELEGRAM_BOT_TOKEN": "gar:bage"}

    status, output, errors = await _run(variables | wrong | {"TELEGRAM_CHAT_ID": "1"})

    assert (status, output) == (78, "")
    for name in wrong:
        assert errors.count(name) == 1, errors
    assert "less than or equal to 10" in errors
    assert "gar:bage" not in errors
    assert _left_behind(directory) == []


async def test_a_service_that_is_down_is_not_healthy(directory: Path, variables: dict[str, str]) -> None:
    """``make health-check`` asks every service itself."""
    async with _running(variables):
        status, shown, _ = await _ended(sys.executable, "-m", "cli", "health", variables=variables)
        assert (status, shown.count("  serving")) == (0, 3), shown

        with _stopped(int(_programs(directory)["services.notifier"].name)):
            status, shown, _ = await _ended(sys.executable, "-m", "cli", "health", variables=variables)

    assert status == 1
    assert shown.count("NOT serving") == 1
    assert "notifier" in shown


async def test_without_a_processor_it_is_not_healthy(tmp_path: Path, variables: dict[str, str]) -> None:
    """The gateway answers, but jobs would only wait."""
    command = (sys.executable, "-m", "cli", "health")
    async with queue_and_gateway(tmp_path) as (queue, admin):
        asked = variables | {"CLIPFERRY_URL": f"http://127.0.0.1:{admin.port}"}
        alone, told, _ = await _ended(*command, variables=asked)
        async with queue.worker():
            complete, _, errors = await _ended(*command, variables=asked)

    assert alone == 1
    assert "degraded" in told
    assert complete == 0, errors


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_bot_without_a_chat(variables: dict[str, str]) -> None:
    status, _, errors = await _run(variables | {"TELEGRAM_BOT_TOKEN": SANDBOX_BOT_TOKEN})

    assert status == 78
    assert errors.count("\n") == 1
    assert "TELEGRAM_CHAT_ID" in errors
    assert SANDBOX_BOT_TOKEN not in errors


async def test_a_token_that_telegram_refuses(directory: Path, variables: dict[str, str]) -> None:
    async with bot_api(token="1234567:another-token-that-is-well-formed", chats=["1"]) as telegram:
        status, _, errors = await _run(
            variables
            | {
                "TELEGRAM_BOT_TOKEN": SANDBOX_BOT_TOKEN,
                "TELEGRAM_CHAT_ID": "1",
                "TELEGRAM_API_BASE_URL": telegram.url,
            }
        )

    assert status == 1
    assert errors.count("\n") == 1
    assert "TELEGRAM_BOT_TOKEN" in errors
    assert SANDBOX_BOT_TOKEN not in errors
    _assert_nothing_is_left(directory, variables)


async def test_no_memory_file_system(directory: Path, variables: dict[str, str]) -> None:
    status, _, errors = await _run(variables | {"TMPFS_DIR": "/proc/clipferry"})

    assert status == 1
    assert errors.count("\n") == 1
    assert "TMPFS_DIR=/proc/clipferry" in errors
    _assert_nothing_is_left(directory, variables)


@asynccontextmanager
async def _running(variables: Mapping[str, str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """Start it, and wait until it has said everything; whatever happens, it is gone after the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox.run"),
        # Not the sample page, which takes its time to be watched.
        *("--url", f"http://127.0.0.1:{variables['SANDBOX_SITE_PORT']}/media/clip.mp4"),
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    output: list[str] = []
    try:
        async with asyncio.timeout(90):
            while "Ctrl-C" not in "".join(output[-1:]):
                line = await process.stdout.readline()
                assert line, "\n".join(output)
                output.append(line.decode().rstrip())
        yield process, output
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
