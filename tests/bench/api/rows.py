"""``POST /api/jobs`` beside Express: what an accepted job costs the door, and how long one caller waits."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count

import httpx
import jwt
import psutil

from services.chassis.channel import open_link
from tests.bench.api.load import Load, load
from tests.bench.disk import on_disk
from tests.bench.figure import NO_GOAL, Compared, Figure, alternated, percentile
from tests.bench.node_peers import install_node_peers, node_peer
from tests.bench.process import busy_share, pin, process
from tests.bench.queue.lives import kept_count
from tests.fakes.queue_client import QueueClient
from tests.processes.ports import DEFAULTS, free_ports
from tests.processes.stack import isolated_environment

ROUNDS_COUNT = 5
REQUESTS_COUNT = 8_000
"""Of one run with many callers."""
_ALONE_COUNT = 1_000
_GOALS = {32: "≥ 1.4", 64: "≥ 1.6"}
_SECRET = "a-secret-of-the-benchmark-of-32-bytes-or-more"
_KEY = "cf_benchmark-of-the-api"
_EXPRESS = "Express 5, jsonwebtoken with KeyObject, an array in memory, NODE_ENV production"
_NUMBERS = count()


@dataclass(frozen=True)
class _Door:
    """A server that accepts jobs.

    Args:
        process: The door itself.
        kept_count: Asks how many jobs there are.
        behind: What works for it.
    """

    port: int
    token: str
    process: psutil.Process
    kept_count: Callable[[], Awaitable[int]]
    behind: Sequence[psutil.Process] = ()


async def api_rows() -> Sequence[Figure]:
    """Measure goals A1 and A2: ours with gRPC hop and durable commit, the peer without either."""
    missing = await asyncio.to_thread(install_node_peers)
    pin(os.getpid(), 1)
    rows: list[Figure] = []
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(_ours())
        peer = None if missing else await stack.enter_async_context(_express())
        for callers, goal in _GOALS.items():
            rows += await _beside(ours, peer, missing, callers, goal)
        return [*rows, *await _alone(ours, peer, missing)]


@dataclass(frozen=True)
class _Costs:
    """What one run has shown."""

    door_us: float
    """CPU of a request, of the door alone."""
    whole_us: float
    """The same, with all that works for it."""
    per_second: float
    client_share: float
    """How much of its core the load client has used."""


async def _beside(ours: _Door, peer: _Door | None, missing: str, callers: int, goal: str) -> list[Figure]:
    began_at_s = time.monotonic()
    found, of_peer = await alternated(
        partial(_costs, ours, callers), partial(_costs, peer, callers) if peer else None, count=ROUNDS_COUNT
    )
    print(f"{callers} callers, {ROUNDS_COUNT} rounds: {time.monotonic() - began_at_s:.1f} s")
    name = f"A1: {callers} callers"

    def beside(what: str, of: Callable[[_Costs], float], goal: str, compared: Compared) -> Figure:
        runs, peer_runs = [of(each) for each in found], [of(each) for each in of_peer]
        return Figure(f"{name}, {what}", runs, goal, peer_runs, _EXPRESS, compared, missing)

    return [
        beside("CPU µs / request of the gateway", lambda run: run.door_us, goal, Compared.PEER_BY_OURS),
        Figure(f"{name}, CPU µs / request of gateway and queue together", [run.whole_us for run in found]),
        beside("requests / s", lambda run: run.per_second, NO_GOAL, Compared.OURS_BY_PEER),
        beside("load client's share of its core", lambda run: run.client_share, NO_GOAL, Compared.OURS),
    ]


async def _costs(door: _Door, callers: int) -> _Costs:
    await _loaded(door, callers, REQUESTS_COUNT // 10)
    everything = [door.process, *door.behind]
    kept_before_count = await door.kept_count()
    before_s, all_before_s, client_share = _cpu_s([door.process]), _cpu_s(everything), busy_share()
    done = await load(door.port, door.token, callers=callers, requests=REQUESTS_COUNT, numbers=_NUMBERS)
    used_s, all_used_s, share = _cpu_s([door.process]) - before_s, _cpu_s(everything) - all_before_s, client_share()
    await _are_kept(door, kept_before_count + REQUESTS_COUNT)
    scale = 1e6 / REQUESTS_COUNT
    return _Costs(used_s * scale, all_used_s * scale, REQUESTS_COUNT / done.took_s, share)


async def _alone(ours: _Door, peer: _Door | None, missing: str) -> list[Figure]:
    found, of_peer = await alternated(
        partial(_alone_ms, ours), partial(_alone_ms, peer) if peer else None, count=ROUNDS_COUNT
    )
    ms, shares = zip(*found, strict=True)
    peer_ms, peer_shares = zip(*of_peer, strict=True) if of_peer else ((), ())
    return [
        Figure("A2: one caller, p50, ms", ms, "≤ 1.2", peer_ms, _EXPRESS, Compared.OURS, missing),
        Figure("A2: load client's share of its core", shares, NO_GOAL, peer_shares, _EXPRESS, Compared.OURS, missing),
    ]


async def _alone_ms(door: _Door) -> tuple[float, float]:
    """Return the median latency of one caller, in milliseconds, and the load client's share of its core."""
    client_share = busy_share()
    done = await _loaded(door, 1, _ALONE_COUNT)
    return percentile(done.latencies_ms, 50), client_share()


async def _loaded(door: _Door, callers: int, requests: int) -> Load:
    kept_before_count = await door.kept_count()
    done = await load(door.port, door.token, callers=callers, requests=requests, numbers=_NUMBERS)
    await _are_kept(door, kept_before_count + requests)
    return done


async def _are_kept(door: _Door, count: int) -> None:
    found_count = await door.kept_count()
    assert found_count == count, f"{found_count:,} jobs are there, {count:,} were accepted"


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (one.cpu_times() for one in processes))


@asynccontextmanager
async def _ours() -> AsyncIterator[_Door]:
    """Run gateway and queue with limits off and their databases on a disk, the gateway alone on the first core."""
    with on_disk() as (directory, _):
        variables: Mapping[str, str] = isolated_environment(directory, free_ports(list(DEFAULTS))) | {
            "ADDRESS_REQUESTS_PER_MIN": "0",
            "ADMIN_API_KEY": _KEY,
            "DATABASE_URL": f"sqlite:///{directory}/queue.db",
            "GATEWAY_DATABASE_URL": f"sqlite:///{directory}/gateway.db",
            "LOG_LEVEL": "WARNING",
            "MAX_QUEUE_SIZE": "1000000",
            "REQUESTS_PER_MIN": "0",
            "SUBMITS_PER_MIN": "0",
        }
        port, queue_address = int(variables["PORT"]), variables["QUEUE_LISTEN_ADDRESS"]
        queue_port = int(queue_address.rpartition(":")[2])
        environment = {**variables, "QUEUE_TARGET": queue_address}
        async with (
            process("services.queue", port=queue_port, environment=environment) as queue,
            process("gateway", port=port, environment=environment) as gateway,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
            open_link(queue_address) as link,
        ):
            pin(queue.pid, 1)
            pin(gateway.pid, 0)
            answer = await http.post("/api/auth/token", json={"apiKey": _KEY})
            token = answer.raise_for_status().json()["accessToken"]
            yield _Door(port, token, gateway, partial(kept_count, QueueClient(link)), [queue])


@asynccontextmanager
async def _express() -> AsyncIterator[_Door]:
    port = free_ports(["clients"])["clients"]
    async with (
        node_peer("api_express.js", port, NODE_ENV="production", API_SECRET=_SECRET) as peer,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):

        async def count_of_array() -> int:
            return int((await http.get("/count")).raise_for_status().json())

        now_s = int(time.time())
        claims = {"sub": "ann", "iss": "clipferry", "aud": "clipferry", "iat": now_s, "exp": now_s + 3_600}
        yield _Door(port, jwt.encode(claims, _SECRET, algorithm="HS256"), peer, count_of_array)
