"""A processor with scripted ends: its queue, its notifier and its site do what a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2_grpc

from clipferry.processor.v1 import processor_service_pb2 as processor_pb
from clipferry.processor.v1 import processor_service_pb2_grpc as processor_grpc
from services.processor.config import ProcessorSettings
from services.processor.service import processing
from tests.fakes.processor_notifier import ScriptedNotifier, scripted_notifier
from tests.fakes.processor_queue import ScriptedQueue, assign, scripted_queue
from tests.fakes.processor_tools import FakeDownloader, FakeMedia, Script


@dataclass
class World:
    queue: ScriptedQueue
    notifier: ScriptedNotifier
    script: Script
    site: FakeDownloader
    processor: processor_grpc.ProcessorServiceStub
    health: health_pb2_grpc.HealthStub

    async def status(self) -> processor_pb.GetStatusResponse:
        status: processor_pb.GetStatusResponse = await self.processor.GetStatus(
            processor_pb.GetStatusRequest(), timeout=30
        )
        return status

    async def begin(self, number: int = 1, *, at: str = "download") -> None:
        """Assign a job and wait until its run has reached that step, where it stays."""
        self.script.stops.add(at)
        (await self.queue.stream()).say(assigns=[assign(number)])
        await self.script.arrival(at).wait()

    async def idle(self) -> None:
        """Wait until something has run, and then until the worker has said that nothing does and no memory is held."""
        await self.queue.until(lambda: self.queue.moves or any(ready.free_slots < 2 for ready in self.queue.readies))
        await self.queue.until(
            lambda: self.queue.readies[-1].free_slots == 2 and self.queue.readies[-1].memory.current_bytes == 0
        )
        assert self.site.open_count == 0


@asynccontextmanager
async def a_world(queue: ScriptedQueue, **settings: object) -> AsyncIterator[World]:
    script = Script()
    site = FakeDownloader(script)
    notifier = ScriptedNotifier()
    async with scripted_queue(queue) as queue_address, scripted_notifier(notifier) as notifier_address:
        defaults: dict[str, object] = {
            "listen_address": "127.0.0.1:0",
            "queue_target": queue_address,
            "notifier_target": notifier_address,
            "max_concurrent_downloads": 2,
            "drain_s": 0.0,
            "probe_wait_s": 0.0,
        }
        checked = ProcessorSettings.model_validate(defaults | settings)
        async with (
            processing(checked, site, FakeMedia(script)) as port,
            # As people ask, whatever its health is.
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            processor, health = processor_grpc.ProcessorServiceStub(channel), health_pb2_grpc.HealthStub(channel)
            yield World(queue, notifier, script, site, processor, health)
