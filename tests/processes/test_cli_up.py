"""``clipferry up``: everything in one process."""

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc
import httpx
import pytest

from clipferry.queue.v1 import queue_service_pb2, queue_service_pb2_grpc
from sandbox.botapi.server import RunningBotApi, bot_api
from sandbox.run.config import SANDBOX_BOT_TOKEN, SANDBOX_CHAT_ID
from sandbox.site.server import SampleSite, sample_site
from tests.fakes.authority import Authority
from tests.fakes.eventually import eventually
from tests.processes.cli_tools import CLIPFERRY, Shell
from tests.processes.ports import free_ports


class Up:
    """A running one.

    Args:
        process: The one process.
        said: What it wrote for people, up to where it was ready.
        shell: Of somebody in the same directory.
    """

    def __init__(self, process: asyncio.subprocess.Process, said: str, shell: Shell) -> None:
        self.process = process
        self.said = said
        self.shell = shell

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; returns the status and the rest of what it said for people."""
        assert self.process.stderr is not None
        rest = await asyncio.wait_for(self.process.stderr.read(), 40)
        return await self.process.wait(), rest.decode()


@pytest.fixture
async def telegram() -> AsyncIterator[RunningBotApi]:
    async with bot_api(token=SANDBOX_BOT_TOKEN, chats=[SANDBOX_CHAT_ID]) as running:
        yield running


@pytest.fixture
async def site() -> AsyncIterator[SampleSite]:
    async with sample_site(port=0) as running:
        yield running


@pytest.fixture
def shell(directory: Path, telegram: RunningBotApi) -> Shell:
    """Somebody on the small machine, who has set what must be set, and ports that are free."""
    return Shell(
        directory,
        {
            "DRAIN_S": "8",
            "PORT": str(free_ports(["PORT"])["PORT"]),
            "TELEGRAM_API_BASE_URL": telegram.url,
            "TELEGRAM_BOT_TOKEN": SANDBOX_BOT_TOKEN,
            "TELEGRAM_CHAT_ID": SANDBOX_CHAT_ID,
            "TMPFS_DIR": str(directory / "videos"),
            "WORKER_SPAWN_DELAY": "0",
        },
    )


@asynccontextmanager
async def up(shell: Shell) -> AsyncIterator[Up]:
    """Start it and wait until it says where to look; whatever happens, it is gone after the block."""
    with (shell.home / "up.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(CLIPFERRY, "up"),
            cwd=shell.home,
            env=shell.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.PIPE,
        )
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(60):
            while "Ctrl-C" not in said:
                line = await process.stderr.readline()
                if not line:
                    break
                said += line.decode()
        yield Up(process, said, shell)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def refused_without_token(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await queue_service_pb2_grpc.QueueServiceStub(channel).GetStats(queue_service_pb2.GetStatsRequest())
        return bool(refused.value.code() is grpc.StatusCode.UNAUTHENTICATED)


@contextmanager
def taken_port() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield str(taken.getsockname()[1])


async def test_one_process_delivers(shell: Shell, site: SampleSite) -> None:
    """It says where to look, other commands here find it without being told, and a video arrives whole."""
    shell = shell.without(EGRESS_ALLOW=site.url.removeprefix("http://"))
    async with up(shell) as running:
        url = f"http://127.0.0.1:{shell.variables['PORT']}"
        assert f"{url}/#pair=" in running.said
        assert children(running.process.pid) == [], "not one more process before the first job"

        sent = await shell.run("send", f"{site.url}/media/clip.mp4", "--watch")
        assert (sent.status, sent.errors) == (0, "")
        assert "arrived: message 1, 640x360" in sent.output.splitlines()[-1]
        health = await shell.run("health")
        assert (health.status, health.output.count("   serving")) == (0, 3), health

        code = running.said.partition("#pair=")[2].split()[0]
        assert (await shell.run("login", "--pairing-code", code)).status == 0
        there = shell.without(VAR_DIR="elsewhere", CLIPFERRY_URL=url)
        assert "completed" in (await there.run("jobs")).output

        state = shell.home / "var/run/run.json"
        assert state.stat().st_mode & 0o077 == 0
        queue = json.loads(state.read_text())["services"]["queue"]
        assert await refused_without_token(queue), "others of this machine can reach the port, and get nothing"

        again = await asyncio.create_subprocess_exec(
            *(CLIPFERRY, "up"), cwd=shell.home, env=shell.environment, stderr=subprocess.PIPE
        )
        _, errors = await again.communicate()
        assert again.returncode == 78
        assert f"already runs here (pid {running.process.pid})" in errors.decode()

        running.process.send_signal(signal.SIGINT)
        status, rest = await running.ended()
        assert (status, rest) == (0, "")
    assert not state.exists()
    assert not (shell.home / "videos").exists()


async def test_sigterm_lets_running_work_finish(shell: Shell, site: SampleSite) -> None:
    """The job arrives although the process was asked to stop in its middle, and the next start knows it."""
    shell = shell.without(EGRESS_ALLOW=site.url.removeprefix("http://"))
    async with up(shell) as running:
        job = (await shell.run("send", f"{site.url}/gated/drain/clip.mp4", "--json")).json()["jobs"][0]

        async def is_downloading() -> bool:
            found = (await shell.run("jobs", "--json")).json()["jobs"][0]
            return bool(found["stage"] == "downloading")

        await eventually(is_downloading, within_s=20, what="the job downloads")
        running.process.send_signal(signal.SIGTERM)

        async def is_closed() -> bool:
            return (await shell.run("health")).status == 3

        await eventually(is_closed, within_s=20, what="nobody new is let in")
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.post(f"{site.url}/gates/drain")
        status, _ = await running.ended()
        assert status == 0

    async with up(shell):
        ended = await shell.run("watch", job["id"])
        assert (ended.status, "arrived" in ended.output) == (0, True), ended


async def test_with_certificates_strangers_get_no_connection(shell: Shell, directory: Path) -> None:
    """The services show each other the one certificate that the process was given."""
    tls = Authority().write(directory / "tls", "admin")
    files = {"TLS_CERT_FILE": tls.certificate, "TLS_KEY_FILE": tls.key, "TLS_CA_FILE": tls.authorities}
    shell = shell.without(**{name: str(path) for name, path in files.items()})
    async with up(shell) as running:
        assert (await shell.run("queue-status")).status == 0, running.said
        queue = json.loads((shell.home / "var/run/run.json").read_text())["services"]["queue"]
        async with grpc.aio.insecure_channel(queue) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await queue_service_pb2_grpc.QueueServiceStub(channel).GetStats(queue_service_pb2.GetStatsRequest())
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_service_that_cannot_start_ends_all_in_its_words(shell: Shell) -> None:
    with taken_port() as port:
        async with up(shell.without(PORT=port)) as running:
            status, _ = await running.ended()

    assert status == 78
    assert running.said.startswith(f"clipferry: gateway: cannot listen on 127.0.0.1:{port}: ")
    assert running.said.count("\n") == 1


async def test_all_mistakes_are_told_at_once(shell: Shell) -> None:
    """Those of every service, each once."""
    wrong = shell.without("TELEGRAM_BOT_TOKEN", PORT="abc", MAX_QUEUE_SIZE="0", LOG_LEVEL="loud")

    async with up(wrong) as running:
        status, _ = await running.ended()

    assert status == 78
    for name in ("TELEGRAM_BOT_TOKEN", "PORT='abc'", "MAX_QUEUE_SIZE='0'", "LOG_LEVEL='loud'"):
        assert running.said.count(name) == 1, running.said
