"""``python -m tests.bench.fanout.worker PORT JOBS PER_SECOND SECONDS``: a worker whose runs only tell how far they are.

It prints a line once all its jobs run, waits for a line, reports evenly, in a message each, and stays until there is no
more input.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

from clipferry.queue.v1 import job_pb2, worker_service_pb2
from services.chassis.channel import open_link
from services.chassis.status import remote_errors
from tests.bench.queue.lives import connected, submit
from tests.fakes.queue_client import QueueClient


async def main(port: int, jobs_count: int, per_second: int, seconds: int) -> None:
    """Report, then go."""
    async with open_link(f"127.0.0.1:{port}") as link:
        client = QueueClient(link)
        await submit(client, jobs_count)
        call = await connected(client, slots=jobs_count)
        leases = await _leased(call, jobs_count)
        reading = asyncio.ensure_future(_read(call))
        print("all run", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        count = per_second * seconds
        began_at_s = time.monotonic()
        for number in range(count):
            left_s = began_at_s + number / per_second - time.monotonic()
            if left_s > 0:
                await asyncio.sleep(left_s)
            await call.write(_report(leases[number % jobs_count], number, count))
        await asyncio.to_thread(sys.stdin.readline)
        reading.cancel()
        call.cancel()


async def _leased(call: Any, count: int) -> Sequence[worker_service_pb2.Lease]:
    ready = worker_service_pb2.Ready(free_slots=count, free_bytes=1 << 40)
    await call.write(worker_service_pb2.WorkerMessage(ready=ready))
    leases: list[worker_service_pb2.Lease] = []
    while len(leases) < count:
        with remote_errors():
            message = await call.read()
        assert message, "the stream ended"
        leases += [assign.job.lease for assign in message.assigns]
    return leases


async def _read(call: Any) -> None:
    """Read what the queue tells meanwhile: leases that were renewed."""
    while message := await call.read():
        assert not message.lost, "a run was taken away"


def _report(lease: worker_service_pb2.Lease, number: int, count: int) -> worker_service_pb2.WorkerMessage:
    """Return a beat with the time in it."""
    progress = job_pb2.Progress(
        stage=job_pb2.STAGE_DOWNLOADING,
        percent=number * 100 / count,
        done_bytes=number,
        total_bytes=count,
        message=f"report {number} at {time.monotonic_ns()}",
    )
    return worker_service_pb2.WorkerMessage(beats=[worker_service_pb2.Beat(lease=lease, progress=progress)])


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
