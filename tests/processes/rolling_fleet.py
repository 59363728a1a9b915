"""A stack with two of each service, and its rolling restart."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import httpx

from sandbox.run.programs import answers, serves
from tests.fakes.eventually import eventually
from tests.processes.balancer import Balancer
from tests.processes.ports import free_ports
from tests.processes.stack import Stack

MODULES = {
    "queue": ("services.queue", "QUEUE_LISTEN_ADDRESS"),
    "notifier": ("services.notifier", "NOTIFIER_LISTEN_ADDRESS"),
    "processor": ("services.processor", "PROCESSOR_LISTEN_ADDRESS"),
    "gateway": ("gateway", "PORT"),
}
ROLLED = (("queue", "gateway"), ("notifier", "processor"))
"""In the order in which they are started anew, two at once."""
BUSY: Mapping[str, str] = {
    "queue": "",
    "notifier": 'clipferry_grpc_open_calls{grpc_method="SendVideo"',
    "processor": "clipferry_processor_running_runs",
    "gateway": "",
}
"""The metric that says a replica is at work, so that its stop meets some; the others always are."""
MIN_READY_S = 0.8
"""How long a successor must have been ready, as minReadySeconds: others find it again within half a second."""
SLOW_UPLOADS = {"kind": "slow", "method": "sendVideo", "times": 10_000, "bytes_per_s": 2_000_000}
"""More than a second each, so that each stop meets some."""


class Fleet:
    """A stack in which there are two of each service, on one database."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        replicas = [f"{name}{which}" for name in BUSY for which in ("", " 2")]
        ports = free_ports([*(variable for _, variable in MODULES.values()), *replicas])
        self._metrics = {replica: f"127.0.0.1:{ports[replica]}" for replica in replicas}
        self._second = {name: f"127.0.0.1:{ports[variable]}" for name, (_, variable) in MODULES.items()}
        settings = stack.settings
        first = {"queue": settings.queue_listen_address, "notifier": settings.notifier_listen_address}
        for name, target in first.items():
            stack.variables[f"{name.upper()}_TARGET"] = f"ipv4:{target},{self._second[name]}"
        self.queues = stack.variables["QUEUE_TARGET"]
        self.statuses: dict[str, int] = {}
        """With which each replica ended that was stopped."""
        self.gateways = [settings.gateway_url.removeprefix("http://"), self._second["gateway"]]

    async def start(self) -> None:
        """Start everything and wait until it answers."""
        for name in self.stack.programs:
            self.start_first(name)
        for name in MODULES:
            self.start_second(name)
        await self.stack.until_ready()
        for name in MODULES:
            await self.until_second(name)

    def start_first(self, name: str) -> None:
        """Start the first replica."""
        self.stack.start(name, **self._seen(name))

    def start_second(self, name: str) -> None:
        """Start the second replica."""
        module, variable = MODULES[name]
        address = self._second[name]
        place = {variable: address.rpartition(":")[2] if name == "gateway" else address}
        place |= self._seen(f"{name} 2")
        self.stack.start(f"{name} 2", module, TMPFS_DIR=f"{self.stack.directory}/videos-2", **place)

    def _seen(self, replica: str) -> dict[str, str]:
        return {"METRICS_ADDRESS": self._metrics[replica]} if replica in self._metrics else {}

    async def until_second(self, name: str) -> None:
        """Wait until the second replica answers."""
        address = self._second[name]
        look = answers(f"http://{address}/health") if name == "gateway" else serves(address)
        await eventually(look, within_s=30, what=f"the second {name} is ready")

    async def slow_uploads(self) -> None:
        """Let Telegram take its time from now on."""
        async with httpx.AsyncClient(trust_env=False) as http:
            url = f"{self.stack.settings.bot_api_url}/sandbox/faults"
            (await http.post(url, json=SLOW_UPLOADS)).raise_for_status()

    async def counted(self, replica: str) -> str:
        """Return what a replica shows to Prometheus."""
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://{self._metrics[replica]}/metrics")).text

    async def roll(self, front: Balancer) -> None:
        """Start everything anew, two services at a time, of each one replica after the other."""
        async with asyncio.TaskGroup() as group:
            for names in ROLLED:
                group.create_task(self._roll_each(names, front))

    async def _roll_each(self, names: Sequence[str], front: Balancer) -> None:
        """Stop each replica as an orchestrator does, and go on once its successor answers."""
        for name in names:
            with self._out_of_rotation(name, front, self.gateways[0]):
                await self._stop(name)
                self.start_first(name)
                await self.stack.until_ready(name)
                await asyncio.sleep(MIN_READY_S)
            with self._out_of_rotation(name, front, self.gateways[1]):
                await self._stop(f"{name} 2")
                self.start_second(name)
                await self.until_second(name)
                await asyncio.sleep(MIN_READY_S)

    async def _stop(self, replica: str) -> None:
        """Stop a replica in the midst of its work."""
        if work := BUSY[replica.removesuffix(" 2")]:

            async def is_busy() -> bool:
                lines = (await self.counted(replica)).splitlines()
                return any(line.startswith(work) and float(line.split()[-1]) > 0 for line in lines)

            await eventually(is_busy, within_s=30, what=f"{replica} is at work")
        self.statuses[replica] = await asyncio.to_thread(self.stack.kill, replica, signal.SIGTERM)

    def _out_of_rotation(self, name: str, front: Balancer, gateway: str) -> AbstractContextManager[None]:
        return front.without(gateway) if name == "gateway" else nullcontext()
