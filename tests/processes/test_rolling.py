"""Every service is started anew, one replica after the other, while jobs and clients go on: nobody notices."""

import asyncio
import itertools
import json
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.live.closing import DRAINING
from sandbox.run.gateway import SUBPROTOCOL, signed_in
from sandbox.run.programs import answers, serves
from tests.fakes.eventually import eventually
from tests.fakes.postgres import database_for
from tests.processes.balancer import Balancer, balancer
from tests.processes.ports import free_ports
from tests.processes.stack import Stack, prepared_stack

MODULES = {
    "queue": ("services.queue", "QUEUE_LISTEN_ADDRESS"),
    "notifier": ("services.notifier", "NOTIFIER_LISTEN_ADDRESS"),
    "processor": ("services.processor", "PROCESSOR_LISTEN_ADDRESS"),
    "gateway": ("gateway", "PORT"),
}
ROLLED = (("queue", "gateway"), ("notifier", "processor"))
"""In the order in which they are started anew, two at once."""
PAUSE_S = 0.05
READER_COUNT = 3
READ_PAUSE_S = 0.005
"""So short that each stop meets calls that are under way."""
MIN_READY_S = 0.8
"""How long a successor must have been ready, as minReadySeconds: others find it again within half a second."""
UNFINISHED_COUNT = 4
"""Jobs that are under way at once: a stream of them on any machine, never a heap."""


class Fleet:
    """A stack in which there are two of each service, on one database."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        ports = free_ports([*(variable for _, variable in MODULES.values()), "METRICS_ADDRESS"])
        self._metrics = f"127.0.0.1:{ports['METRICS_ADDRESS']}"
        self._second = {name: f"127.0.0.1:{ports[variable]}" for name, (_, variable) in MODULES.items()}
        settings = stack.settings
        first = {"queue": settings.queue_listen_address, "notifier": settings.notifier_listen_address}
        for name, target in first.items():
            stack.variables[f"{name.upper()}_TARGET"] = f"ipv4:{target},{self._second[name]}"
        self.gateways = [settings.gateway_url.removeprefix("http://"), self._second["gateway"]]

    async def start(self) -> None:
        """Start everything and wait until it answers."""
        for name in self.stack.programs:
            self.stack.start(name)
        for name in MODULES:
            self.start_second(name)
        await self.stack.until_ready()
        for name in MODULES:
            await self.until_second(name)

    def start_second(self, name: str) -> None:
        """Start the second replica."""
        module, variable = MODULES[name]
        address = self._second[name]
        place = {variable: address.rpartition(":")[2] if name == "gateway" else address}
        if name == "queue":
            place["METRICS_ADDRESS"] = self._metrics
        self.stack.start(f"{name} 2", module, TMPFS_DIR=f"{self.stack.directory}/videos-2", **place)

    async def until_second(self, name: str) -> None:
        """Wait until the second replica answers."""
        address = self._second[name]
        look = answers(f"http://{address}/health") if name == "gateway" else serves(address)
        await eventually(look, within_s=30, what=f"the second {name} is ready")

    async def counted(self) -> str:
        """Return what the second queue shows to Prometheus."""
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://{self._metrics}/metrics")).text

    async def roll(self, front: Balancer) -> None:
        """Start everything anew, two services at a time, of each one replica after the other."""
        async with asyncio.TaskGroup() as group:
            for names in ROLLED:
                group.create_task(self._roll_each(names, front))

    async def _roll_each(self, names: Sequence[str], front: Balancer) -> None:
        """Stop each replica as an orchestrator does, and go on once its successor answers."""
        for name in names:
            with self._out_of_rotation(name, front, self.gateways[0]):
                await asyncio.to_thread(self.stack.kill, name, signal.SIGTERM)
                self.stack.start(name)
                await self.stack.until_ready(name)
                await asyncio.sleep(MIN_READY_S)
            with self._out_of_rotation(name, front, self.gateways[1]):
                await asyncio.to_thread(self.stack.kill, f"{name} 2", signal.SIGTERM)
                self.start_second(name)
                await self.until_second(name)
                await asyncio.sleep(MIN_READY_S)

    def _out_of_rotation(self, name: str, front: Balancer, gateway: str) -> AbstractContextManager[None]:
        return front.without(gateway) if name == "gateway" else nullcontext()


class Clients:
    """Who uses it meanwhile. Each request has a connection of its own, over whichever gateway."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(
            base_url=f"http://{url}",
            headers={"Authorization": f"Bearer {token}"},
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=15,
            trust_env=False,
        )
        self._token = token
        self._unfinished_count = 0
        self.failures: list[str] = []
        self.job_ids: list[str] = []
        self.read_count = 0
        self.ends: Counter[str] = Counter()
        self.goodbyes: Counter[int] = Counter()

    async def submit(self, stack: Stack) -> None:
        """Submit one job after the other, until cancelled."""
        for number in itertools.count():
            await asyncio.sleep(PAUSE_S)
            if self._unfinished_count >= UNFINISHED_COUNT:
                continue
            self._unfinished_count += 1
            job = await self._ask("POST", "/api/jobs", {"url": stack.page(f"/media/clip.mp4?rolling={number}")})
            if job is not None:
                self.job_ids.append(job["id"])

    async def read(self) -> None:
        """Ask for the numbers and for the newest job, until cancelled."""
        while True:
            stats = await self._ask("GET", "/api/queue/stats")
            if stats is not None:
                self._unfinished_count = stats["queued"] + stats["processing"]
            if self.job_ids:
                await self._ask("GET", f"/api/jobs/{self.job_ids[-1]}")
            self.read_count += 1
            await asyncio.sleep(READ_PAUSE_S)

    async def watch(self) -> None:
        """Hear of jobs live, until cancelled; come back when the gateway goes away."""
        while True:
            async with connect(f"ws://{self._url}/ws", subprotocols=[SUBPROTOCOL], proxy=None) as socket:
                await socket.send(json.dumps({"type": "hello", "token": self._token, "protocol": 1}))
                await socket.send(json.dumps({"type": "subscribe", "channel": "jobs"}))
                with suppress(ConnectionClosed):
                    while True:
                        message = json.loads(await socket.recv())
                        if message["type"] == "job:finished":
                            self.ends[message["jobId"]] += 1
                code = socket.close_code or 0
                self.goodbyes[code] += 1
                if code != DRAINING:
                    self.failures.append(f"the live connection ended with {code}")

    async def close(self) -> None:
        """Let go of everything."""
        await self._http.aclose()

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        return await self._ask("GET", f"/api/jobs/{job_id}") or {}

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {type(error).__name__}: {error}")
            return None
        if response.is_success:
            found: dict[str, Any] = response.json()
            return found
        self.failures.append(f"{method} {path}: {response.status_code} {response.text[:200]}")
        return None


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    database = database_for(Path(tmp_path_factory.mktemp("rolling")))
    with prepared_stack(DATABASE_URL=database, GATEWAY_DATABASE_URL=database, DRAIN_S="5") as stack:
        fleet = Fleet(stack)
        try:
            asyncio.run(fleet.start())
        except AssertionError as error:
            raise AssertionError(f"{error}\n{stack.logs()}") from None
        yield fleet


async def test_nobody_notices_a_rolling_restart_of_everything(fleet: Fleet) -> None:
    async with (
        signed_in(fleet.stack.settings.gateway_url, fleet.stack.api_key) as gateway,
        balancer(fleet.gateways) as (front, url),
    ):
        clients = Clients(url, gateway.token)
        readers = [clients.read() for _ in range(READER_COUNT)]
        using = [asyncio.create_task(each) for each in (clients.submit(fleet.stack), clients.watch(), *readers)]

        await fleet.roll(front)

        using[0].cancel()

        async def all_have_ended() -> bool:
            jobs = [await clients.job(job_id) for job_id in clients.job_ids]
            return all(job.get("status") == "completed" for job in jobs)

        await eventually(all_have_ended, within_s=30, what="every job is completed")
        for task in using:
            task.cancel()
        over = await asyncio.gather(*using, return_exceptions=True)
        await clients.close()
    messages, counted = await fleet.stack.messages(), await fleet.counted()

    assert clients.failures == [], "\n".join(clients.failures)
    assert [type(each) for each in over] == [asyncio.CancelledError] * len(using), over
    assert len(messages) == len(clients.job_ids) >= 10
    assert f'clipferry_queue_jobs{{state="COMPLETED"}} {len(messages)}.0' in counted
    assert clients.read_count > 50
    assert set(clients.ends.values()) <= {1}
    assert sum(clients.goodbyes.values()) >= 1
