"""Many jobs at once on little memory: the services as processes, and what the processor really holds meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import grpc
from aiohttp import web

from clipferry.processor.v1 import processor_service_pb2 as processor_pb
from clipferry.processor.v1 import processor_service_pb2_grpc as processor_grpc
from clipferry.queue.v1 import job_pb2 as job_pb
from clipferry.queue.v1 import queue_service_pb2 as queue_pb
from clipferry.queue.v1 import queue_service_pb2_grpc as queue_grpc
from tests.bench.footprint import held_bytes
from tests.bench.pipeline.sink import received_bytes
from tests.bench.process import busy_share, process
from tests.fakes.notifier_tools import TOKEN
from tests.processes.ports import free_ports
from tests.processes.stack import Stack, prepared_stack

_SERVICES = ("queue", "notifier", "processor")
_LOOK_EVERY_S = 0.01
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What became of the jobs."""

    by_state: dict[str, int]
    """Jobs at the end, by state."""
    failures: Sequence[str]
    """Errors of those that failed."""
    attempts: int
    """Most runs that one job took."""
    seconds: float
    client_share: float
    """How much of a core this process used meanwhile: it serves the videos, asks and looks."""
    arrived_bytes: Sequence[int]
    """Of each file that the Bot API has got."""
    held_bytes: int
    """Most bytes on tmpfs at once, files without a name included."""
    reserved_bytes: int
    """Most bytes that were reserved at once."""


async def crowd(
    video: bytes, *, ways: Sequence[str], count: int, total_bytes: int, per_video_bytes: int, within_s: float
) -> Crowd:
    """Submit `count` jobs at once, each for its own address of `video`, and wait until all have ended.

    Args:
        ways: Of serving the video, taken in turn: ``plain``, ``chunked`` (without its length), ``lying`` (by a page
            that says a fifth of its length).
    """
    sink_port = free_ports(["sink"])["sink"]
    async with _site(video) as site_port, process("tests.bench.pipeline.sink", str(sink_port), port=sink_port):
        with prepared_stack(
            MAX_TOTAL_MEMORY=str(total_bytes),
            MAX_MEMORY_PER_VIDEO=str(per_video_bytes),
            MAX_CONCURRENT_DOWNLOADS="10",
            MAX_QUEUE_SIZE=str(count),
            LEASE_TTL_S="30",
            TELEGRAM_BOT_TOKEN=TOKEN,
            TELEGRAM_CHAT_ID="1",
            TELEGRAM_MESSAGES_PER_S="0",
            TELEGRAM_CHAT_MESSAGES_PER_S="0",
            TELEGRAM_GROUP_MESSAGES_PER_MIN="0",
            LOG_LEVEL="WARNING",
        ) as stack:
            bot_api_url = f"http://127.0.0.1:{sink_port}"
            stack.variables |= {"EGRESS_ALLOW": f"127.0.0.1:{site_port}", "TELEGRAM_API_BASE_URL": bot_api_url}
            for name in _SERVICES:
                stack.start(name)
            await stack.until_ready(*_SERVICES)
            urls = [f"http://127.0.0.1:{site_port}/{ways[n % len(ways)]}/{n}.mp4" for n in range(count)]
            async with asyncio.timeout(within_s):
                return await _deliver(stack, urls, bot_api_url)


async def _deliver(stack: Stack, urls: Sequence[str], bot_api_url: str) -> Crowd:
    loop = asyncio.get_running_loop()
    async with (
        grpc.aio.insecure_channel(stack.variables["QUEUE_LISTEN_ADDRESS"]) as queue_channel,
        grpc.aio.insecure_channel(stack.variables["PROCESSOR_LISTEN_ADDRESS"]) as processor_channel,
    ):
        queue = queue_grpc.QueueServiceStub(queue_channel)
        begun_at_s, client_share = loop.time(), busy_share()
        requests = [queue_pb.SubmitJobRequest(owner="crowd", spec=job_pb.JobSpec(url=url)) for url in urls]
        answer = await queue.SubmitJobs(queue_pb.SubmitJobsRequest(requests=requests), timeout=30)
        assert all(result.HasField("accepted") for result in answer.results)
        held_bytes = await _until_ended(queue, stack, len(urls))
        seconds, share = loop.time() - begun_at_s, client_share()
        jobs = await _jobs(queue)
        processor = processor_grpc.ProcessorServiceStub(processor_channel)
        status = await processor.GetStatus(processor_pb.GetStatusRequest(), timeout=10)
    names = [job_pb.JobState.Name(job.state).removeprefix("JOB_STATE_") for job in jobs]
    return Crowd(
        by_state={name: names.count(name) for name in names},
        failures=[f"{job.error.reason}: {job.error.message}" for job in jobs if job.error.reason],
        attempts=max(job.attempt for job in jobs),
        seconds=seconds,
        client_share=share,
        arrived_bytes=await received_bytes(bot_api_url),
        held_bytes=held_bytes,
        reserved_bytes=status.memory.peak_bytes,
    )


async def _until_ended(queue: queue_grpc.QueueServiceStub, stack: Stack, count: int) -> int:
    """Wait until `count` jobs have ended; returns the most bytes that were held meanwhile."""
    most_bytes = 0
    while True:
        answer = await queue.GetStats(queue_pb.GetStatsRequest(), timeout=10)
        if answer.stats.total_processed >= count:
            return most_bytes
        for _ in range(20):
            most_bytes = max(most_bytes, held_bytes(stack.tmpfs_dir, stack.pid("processor")))
            await asyncio.sleep(_LOOK_EVERY_S)


async def _jobs(queue: queue_grpc.QueueServiceStub) -> list[job_pb.Job]:
    jobs: list[job_pb.Job] = []
    page_token = ""
    while True:
        request = queue_pb.ListJobsRequest(owner="crowd", page_size=100, page_token=page_token)
        answer = await queue.ListJobs(request, timeout=30)
        jobs += answer.jobs
        page_token = answer.next_page_token
        if not page_token:
            return jobs


@asynccontextmanager
async def _site(video: bytes) -> AsyncIterator[int]:
    async def send(request: web.Request) -> web.StreamResponse:
        if request.match_info["way"] == "lying":
            said = {"@context": "https://schema.org", "@type": "VideoObject", "name": "A video"}
            said["contentUrl"] = f"http://{request.host}/plain/lying-{request.match_info['name']}"
            said["contentSize"] = str(len(video) // 5)
            html = f'<title>x</title><script type="application/ld+json">{json.dumps(said)}</script>'
            return web.Response(text=html, content_type="text/html")
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        if request.match_info["way"] == "chunked":
            response.enable_chunked_encoding()
        else:
            response.content_length = len(video)
        await response.prepare(request)
        view = memoryview(video)
        # Who asks only how large it is hangs up.
        with suppress(ConnectionError):
            for at in range(0, len(video), _PIECE_BYTES):
                await response.write(view[at : at + _PIECE_BYTES])
        return response

    app = web.Application()
    app.router.add_get("/{way}/{name}", send)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
