"""A queue that does what a test says, over real gRPC."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from google.rpc import status_pb2

from clipferry.queue.v1 import job_pb2 as job_pb
from clipferry.queue.v1 import worker_service_pb2 as pb
from clipferry.queue.v1 import worker_service_pb2_grpc as pb_grpc
from services.chassis.errors import ClipferryError, Reason
from services.chassis.server import Served, serving
from services.chassis.status import to_status
from services.chassis.wire import duration


@dataclass
class Stream:
    """One Work stream as the queue sees it."""

    hello: pb.Hello
    down: "asyncio.Queue[pb.QueueMessage | None]" = field(default_factory=asyncio.Queue)

    def say(self, **fields: object) -> None:
        """Tell the worker something."""
        self.down.put_nowait(pb.QueueMessage(**fields))  # type: ignore[arg-type]

    def end(self) -> None:
        """Half-close, as a replica does at its max age."""
        self.down.put_nowait(None)


class ScriptedQueue(pb_grpc.WorkerServiceServicer):
    """Keeps all that workers say; answers moves itself unless `answers` says otherwise."""

    def __init__(self, *, lease_ttl_s: float = 180.0, beat_interval_s: float = 60.0) -> None:
        self.lease_ttl_s = lease_ttl_s
        self.beat_interval_s = beat_interval_s
        self.streams: list[Stream] = []
        self.readies: list[pb.Ready] = []
        self.beats: list[pb.Beat] = []
        self.moves: list[pb.Move] = []
        self.answers: dict[str, Callable[[pb.Move], pb.Answer | None]] = {}
        """By kind of move. None: no answer."""
        self.renews = True
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[], object], *, within_s: float = 20.0) -> None:
        """Wait until `holds` is true; it is asked again after each message of a worker."""
        async with asyncio.timeout(within_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def stream(self, number: int = 1) -> Stream:
        """Return the `number`-th stream, once it is there."""
        await self.until(lambda: len(self.streams) >= number)
        return self.streams[number - 1]

    def kinds(self, job_name: str | None = None) -> list[str]:
        """Return the kinds of the durable moves so far, without resizes."""
        return [
            kind
            for move in self.moves
            if (kind := str(move.WhichOneof("kind"))) != "resize_reservation"
            and (job_name is None or job_name in str(move))
        ]

    def move(self, kind: str) -> pb.Move:
        """Return the newest move of that kind."""
        return next(move for move in reversed(self.moves) if move.WhichOneof("kind") == kind)

    async def Work(
        self, request_iterator: AsyncIterator[pb.WorkerMessage], _context: object
    ) -> AsyncIterator[pb.QueueMessage]:
        first = await anext(request_iterator)
        stream = Stream(first.hello)
        self.streams.append(stream)
        stream.say(
            welcome=pb.Welcome(beat_interval=duration(self.beat_interval_s), lease_ttl=duration(self.lease_ttl_s))
        )
        reader = asyncio.create_task(self._read(stream, request_iterator))
        try:
            while (message := await stream.down.get()) is not None:
                yield message
        finally:
            reader.cancel()
            await asyncio.wait([reader])

    async def _read(self, stream: Stream, messages: AsyncIterator[pb.WorkerMessage]) -> None:
        self._changed.set()
        async for message in messages:
            if message.HasField("ready"):
                self.readies.append(message.ready)
            self.beats.extend(message.beats)
            if self.renews and message.beats:
                ttl = duration(self.lease_ttl_s)
                stream.say(renewed=[pb.Renewed(lease=beat.lease, ttl=ttl) for beat in message.beats])
            for move in message.moves:
                self.moves.append(move)
                answer = self.answers.get(str(move.WhichOneof("kind")), agree)(move)
                if answer is not None:
                    stream.say(answers=[answer])
            self._changed.set()
        stream.end()


def agree(move: pb.Move) -> pb.Answer:
    """Answer that a move was made."""
    answer = pb.Answer(correlation_id=move.correlation_id)
    getattr(answer, str(move.WhichOneof("kind"))).SetInParent()
    return answer


def refuse(reason: Reason) -> Callable[[pb.Move], pb.Answer]:
    """Answer that a move was refused."""
    status: status_pb2.Status = to_status(ClipferryError(reason))
    return lambda move: pb.Answer(correlation_id=move.correlation_id, error=status)


def silence(_move: pb.Move) -> None:
    """Do not answer."""


def assign(number: int = 1, *, token: int = 1, ttl_s: float = 180.0, timeout_s: float = 60.0) -> pb.Assign:
    """Return the assignment of a job."""
    name = f"jobs/{number}"
    job = job_pb.Job(name=name, attempt=1, spec=job_pb.JobSpec(url="https://www.example.com/walk", destination="42"))
    return pb.Assign(
        job=pb.LeasedJob(
            lease=lease(number, token=token),
            job=job,
            lease_ttl=duration(ttl_s),
            run_timeout=duration(timeout_s),
            reserved_bytes=3_000,
        )
    )


def lease(number: int = 1, *, token: int = 1) -> pb.Lease:
    """Return a lease of that job."""
    return pb.Lease(job_name=f"jobs/{number}", token=token)


@asynccontextmanager
async def scripted_queue(queue: ScriptedQueue, *, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve `queue`; yields its address."""
    served = Served("clipferry.queue.v1.WorkerService", pb_grpc.add_WorkerServiceServicer_to_server, queue)
    async with serving([served], address=address, drain_s=0) as port:
        yield f"127.0.0.1:{port}"
