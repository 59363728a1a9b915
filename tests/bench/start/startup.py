"""From nothing to ready, and what it then holds: one process with everything, and a process for each service."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil

from sandbox.botapi.server import bot_api
from sandbox.run.config import SANDBOX_BOT_TOKEN, SANDBOX_CHAT_ID
from sandbox.run.gateway import signed_in
from sandbox.run.programs import answers, serves
from tests.bench.figure import Figure
from tests.bench.process import LOOK_EVERY_S, process
from tests.fakes.eventually import eventually
from tests.processes.ports import DEFAULTS, free_ports
from tests.processes.stack import isolated_environment, memory_directory

RUNS_COUNT = 5
_SETTLED_S = 2.0
"""After a start: garbage is collected, streams are open."""

_KEY = "cf_benchmark-of-the-start"
_NOWHERE = "http://127.0.0.1:1/video.mp4"
"""An address that the processor's egress refuses: the job ends where it wants to go there."""
_GIVES_UP_S = 30.0

_GOALS_S = {"services.queue": 0.15, "services.processor": 0.15, "services.notifier": 0.15, "gateway": 0.4, "cli": 0.5}
_MB = 1_000_000


async def startups() -> Sequence[Figure]:
    """Measure goals S1, S2 and S3 of an idle clipferry, before its first job; peers are named in the goals."""
    with memory_directory() as directory:
        async with bot_api(token=SANDBOX_BOT_TOKEN, chats=[SANDBOX_CHAT_ID]) as telegram:
            variables = isolated_environment(directory, free_ports(list(DEFAULTS))) | {
                "ADMIN_API_KEY": _KEY,
                "DATABASE_URL": f"sqlite:///{directory}/queue.db",
                "GATEWAY_DATABASE_URL": f"sqlite:///{directory}/gateway.db",
                "TELEGRAM_API_BASE_URL": telegram.url,
                "TELEGRAM_BOT_TOKEN": SANDBOX_BOT_TOKEN,
                "TELEGRAM_CHAT_ID": SANDBOX_CHAT_ID,
            }
            for service in ("QUEUE", "PROCESSOR", "NOTIFIER"):
                variables[f"{service}_TARGET"] = variables[f"{service}_LISTEN_ADDRESS"]
            return [*await _starts(variables), *await _memory(variables)]


async def _starts(variables: Mapping[str, str]) -> list[Figure]:
    rows = []
    for module, goal_s in _GOALS_S.items():
        runs_s = [await _start_s(module, variables) for _ in range(1 + RUNS_COUNT)]
        name = "all in one process" if module == "cli" else module
        # The first one makes databases, and fills the machine's caches.
        taken_s, busy_s = zip(*runs_s[1:], strict=True)
        rows.append(Figure(f"S1: start of {name} until it answers, s", taken_s, f"≤ {goal_s}"))
        rows.append(Figure(f"S1: start of {name}, of it its own CPU time, s", busy_s, "–"))
    return rows


async def _start_s(module: str, variables: Mapping[str, str]) -> tuple[float, float]:
    """Return how long a start takes, and how much of that it computes: what a busy machine does not change."""
    began_at_s = time.perf_counter()
    async with _started(module, variables) as started:
        taken_s, times = time.perf_counter() - began_at_s, started.cpu_times()
        return taken_s, times.user + times.system


async def _memory(variables: Mapping[str, str]) -> list[Figure]:
    alone = [await _alone_mb(variables) for _ in range(RUNS_COUNT)]
    apart = [await _apart_mb(variables) for _ in range(RUNS_COUNT)]
    return [
        Figure("S2: resident memory of all in one process, idle, MB", [one.idle for one in alone], "≤ 82"),
        Figure("S2: PSS of all in one process, idle, MB", [one.idle_pss for one in alone]),
        Figure("S2: resident memory of the forkserver, after the first job, MB", [one.forkserver for one in alone]),
        Figure("S2: PSS of the forkserver, after the first job, MB", [one.forkserver_pss for one in alone]),
        Figure(
            "S3: four processes, idle, PSS summed, MB",
            [sum(pss_mb for _, pss_mb in held.values()) for held in apart],
            "≤ 180",
        ),
        *(
            Figure(f"S3: {what} of {module}, idle, MB", [held[module][at] for held in apart])
            for module in _GOALS_S
            if module != "cli"
            for at, what in enumerate(("resident memory", "PSS"))
        ),
    ]


@dataclass(frozen=True)
class _AloneMb:
    """What one process with everything holds, in MB."""

    idle: float
    """Before the first job."""
    idle_pss: float
    """The same, of what it shares with others its part only."""
    forkserver: float
    """Of its forkserver alone, which starts with the first job."""
    forkserver_pss: float
    """The same, of what it shares with others its part only."""


async def _alone_mb(variables: Mapping[str, str]) -> _AloneMb:
    async with _started("cli", variables) as together:
        await asyncio.sleep(_SETTLED_S)
        idle = together.memory_full_info()
        assert together.children() == [], "nothing is forked before the first job"
        await _fail_a_job(f"http://127.0.0.1:{variables['PORT']}")
        (forkserver,) = together.children()
        held = forkserver.memory_full_info()
        return _AloneMb(idle.rss / _MB, idle.pss / _MB, held.rss / _MB, held.pss / _MB)


async def _fail_a_job(gateway_url: str) -> None:
    """Let one job go nowhere: its child is forked all the same."""
    async with asyncio.timeout(_GIVES_UP_S), signed_in(gateway_url, _KEY) as gateway:
        job = await gateway.submit(_NOWHERE)
        async with gateway.watch(f"job:{job['id']}") as messages:
            async for message in messages:
                state = message["snapshot"]["job"] if message["type"] == "subscribed" else message
                if state.get("status") == "failed":
                    return


async def _apart_mb(variables: Mapping[str, str]) -> Mapping[str, tuple[float, float]]:
    """Return resident memory and PSS of each of four idle processes, in MB."""
    async with AsyncExitStack() as stack:
        modules = [module for module in _GOALS_S if module != "cli"]
        each = {module: await stack.enter_async_context(_started(module, variables)) for module in modules}
        await asyncio.sleep(_SETTLED_S)
        held = {module: one.memory_full_info() for module, one in each.items()}
        return {module: (each_held.rss / _MB, each_held.pss / _MB) for module, each_held in held.items()}


@asynccontextmanager
async def _started(module: str, variables: Mapping[str, str]) -> AsyncIterator[psutil.Process]:
    """Run a program for the length of the block, from the moment it answers."""
    port, is_ready = _door(module, variables)
    command = (module, "up") if module == "cli" else (module,)
    async with process(*command, port=port, environment=variables) as started:
        await eventually(is_ready, within_s=30, what=f"{module} answers", look_every_s=LOOK_EVERY_S)
        yield started


def _door(module: str, variables: Mapping[str, str]) -> tuple[int, Callable[[], Awaitable[bool]]]:
    if module in ("cli", "gateway"):
        port = variables["PORT"]
        return int(port), answers(f"http://127.0.0.1:{port}/docs")
    address = variables[f"{module.removeprefix('services.').upper()}_LISTEN_ADDRESS"]
    return int(address.rpartition(":")[2]), serves(address)
