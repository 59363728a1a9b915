"""Two of everything on one PostgreSQL: whoever is asked, and whoever stops, it is one clipferry."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from sandbox.run.gateway import Gateway, signed_in
from sandbox.run.programs import answers, serves
from tests.fakes.eventually import eventually
from tests.fakes.postgres import database_for
from tests.processes.journey import journey
from tests.processes.ports import free_ports
from tests.processes.stack import Stack, prepared_stack

SECOND = ("QUEUE_LISTEN_ADDRESS", "PROCESSOR_LISTEN_ADDRESS", "PORT")


class Pair:
    """A stack in which there are two queues, two processors and two gateways."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._ports = free_ports(list(SECOND))
        self.queues = [stack.settings.queue_listen_address, self._address("QUEUE_LISTEN_ADDRESS")]
        self.gateways = [stack.settings.gateway_url, f"http://127.0.0.1:{self._ports['PORT']}"]
        stack.variables["QUEUE_TARGET"] = "ipv4:" + ",".join(self.queues)

    def start_second_queue(self) -> None:
        """Start it, again."""
        self.stack.start("queue 2", "services.queue", QUEUE_LISTEN_ADDRESS=self.queues[1])

    @contextmanager
    def without(self, name: str, number: int) -> Iterator[None]:
        """Kill or freeze a queue for the length of the block."""
        self.stack.signal(name, number) if number == signal.SIGSTOP else self.stack.kill(name)
        try:
            yield
        finally:
            if number == signal.SIGSTOP:
                self.stack.signal(name, signal.SIGCONT)
            elif name == "queue":
                self.stack.start(name)
            else:
                self.start_second_queue()

    async def start(self) -> None:
        """Start everything and wait until it answers."""
        for name in self.stack.programs:
            self.stack.start(name)
        self.start_second_queue()
        processor = self._address("PROCESSOR_LISTEN_ADDRESS")
        self.stack.start(
            "processor 2",
            "services.processor",
            PROCESSOR_LISTEN_ADDRESS=processor,
            TMPFS_DIR=f"{self.stack.directory}/videos-2",
        )
        self.stack.start(
            "gateway 2",
            "gateway",
            PORT=str(self._ports["PORT"]),
        )
        await self.stack.until_ready()
        await eventually(serves(processor), within_s=30, what="the second processor is ready")
        await eventually(answers(f"{self.gateways[1]}/health"), within_s=30, what="the second gateway is ready")
        async with self.gateway(0) as gateway:

            async def all_work() -> bool:
                return int((await gateway.get("/api/queue/stats"))["workers"]) == 2

            await eventually(all_work, within_s=30, what="both processors work")

    @asynccontextmanager
    async def gateway(self, index: int) -> AsyncIterator[Gateway]:
        """Sign in at one of the gateways for the length of the block."""
        async with signed_in(self.gateways[index], self.stack.api_key) as gateway:
            yield gateway

    def _address(self, name: str) -> str:
        return f"127.0.0.1:{self._ports[name]}"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    database = database_for(Path(tmp_path_factory.mktemp("replicas")))
    changed = {"GATEWAY_DATABASE_URL": database, "KEEPALIVE_S": "2", "WORKER_SPAWN_DELAY": "500"}
    with prepared_stack(None, DATABASE_URL=database, **changed) as stack:
        pair = Pair(stack)
        try:
            asyncio.run(pair.start())
        except AssertionError as error:
            raise AssertionError(f"{error}\n{stack.logs()}") from None
        yield pair


async def test_a_job_of_one_gateway_is_seen_live_at_the_other(pair: Pair) -> None:
    """From its first step to its one end, with progress in between."""
    async with pair.gateway(0) as here, pair.gateway(1) as there, there.watch("jobs") as heard:
        await anext(heard)  # the answer
        await anext(heard)
        job = await here.submit(pair.stack.page("/media/clip.mp4"))
        kinds = []
        async with asyncio.timeout(40):
            async for message in heard:
                if message.get("jobId") == job["id"] or (message.get("job") or {}).get("id") == job["id"]:
                    kinds.append(message["type"])
                if kinds and kinds[-1] == "job:finished":
                    break

    assert message["status"] == "completed"
    assert "job:progress" in kinds
    assert kinds.count("job:finished") == 1


async def test_both_processors_work(pair: Pair) -> None:
    """Jobs of both gateways are spread over them, and each arrives once."""
    before = len(await pair.stack.messages())
    gates = [f"spread-{number}" for number in range(4)]
    async with pair.gateway(0) as here, pair.gateway(1) as there:
        jobs = [
            await gateway.submit(pair.stack.page(f"/gated/{gate}/clip.mp4"))
            for gate, gateway in zip(gates, (here, there, here, there), strict=True)
        ]

        async def both_hold_files() -> bool:
            return all(any((pair.stack.directory / videos).glob("run-*/job-*")) for videos in ("videos", "videos-2"))

        await eventually(both_hold_files, within_s=20, what="both processors download")
        for gate in gates:
            await pair.stack.open_gate(gate)
        ends = [(await journey(here, job["id"]))[-1] for job in jobs]

    assert [end["status"] for end in ends] == ["completed"] * 4
    assert len(await pair.stack.messages()) == before + 4


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
@pytest.mark.parametrize("index", [0, 1])
async def test_a_queue_stops_in_mid_job(pair: Pair, index: int, number: int) -> None:
    """Either replica dies, or hangs with its connections open: the job ends in its first run, nobody waits for long."""
    name = ("queue", "queue 2")[index]
    gate = f"stop-{index}-{number}"
    before = len(await pair.stack.messages())
    async with pair.gateway(0) as here, pair.gateway(1) as there:
        job = await here.submit(pair.stack.page(f"/gated/{gate}/clip.mp4"))
        following = asyncio.create_task(journey(there, job["id"]))

        async def is_downloading() -> bool:
            return (await pair.stack.traffic(f"/gated/{gate}/clip.mp4"))["bytesSent"] > 0

        await eventually(is_downloading, what="the download runs")
        with pair.without(name, number):
            meanwhile = await there.submit(pair.stack.page(f"/media/clip.mp4?{gate}"))
            await pair.stack.open_gate(gate)
            end = (await following)[-1]
            end_of_other = (await journey(here, meanwhile["id"]))[-1]
            ended = await here.get(f"/api/jobs/{job['id']}")
    await eventually(serves(pair.queues[index]), within_s=30, what="the replica is back")

    assert (end["status"], end_of_other["status"]) == ("completed", "completed")
    assert ended["attempt"] == 1
    assert len(await pair.stack.messages()) == before + 2
