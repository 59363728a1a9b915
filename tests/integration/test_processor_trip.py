"""All four parts of a delivery for real, in one process: queue, processor with yt-dlp, notifier, a Bot API, a site."""

import asyncio
import html
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from clipferry.queue.v1 import job_pb2 as job_pb
from clipferry.queue.v1 import queue_service_pb2 as queue_pb
from clipferry.queue.v1 import queue_service_pb2_grpc as queue_grpc
from sandbox.botapi.inbox import StoredMessage
from sandbox.botapi.server import RunningBotApi, bot_api
from sandbox.site.media import Media, make_media
from sandbox.site.samples import SAMPLES, WATCH, Sample
from sandbox.site.server import SampleSite, sample_site
from services.chassis.channel import open_link
from services.notifier.config import NotifierSettings
from services.notifier.service import notifier_service
from services.processor.config import ProcessorSettings
from services.processor.service import processor_service
from services.queue.config import QueueSettings
from services.queue.service import queue_service
from tests.fakes.clips import padded
from tests.fakes.odd_site import Answer, OddSite, odd_site, page, ranged
from tests.fakes.shaped_media import AAC, H264, made, picture, sound

TOKEN = "123456:a-token-that-only-the-sandbox-knows-of"
ENDED = (job_pb.JOB_STATE_COMPLETED, job_pb.JOB_STATE_FAILED, job_pb.JOB_STATE_CANCELLED)


@dataclass
class World:
    site: SampleSite
    odd: OddSite
    telegram: RunningBotApi
    queue: queue_grpc.QueueServiceStub
    tmpfs_dir: Path

    async def submit(self, path: str, *, caption: str = "") -> str:
        return await self.submit_url(self.site.url + path, caption=caption)

    async def submit_url(self, url: str, *, caption: str = "") -> str:
        request = queue_pb.SubmitJobRequest(
            owner="tester", spec=job_pb.JobSpec(url=url, destination="42", caption=caption)
        )
        return str((await self.queue.SubmitJob(request, timeout=30)).job.name)

    async def watch(self, name: str) -> tuple[job_pb.Job, list[job_pb.Progress]]:
        """Return the job at its end, and all progress that was seen on the way."""
        call = self.queue.WatchJobs()
        await call.write(queue_pb.WatchJobsRequest(names=[name], include_progress=True, after_sequence=0))
        seen: list[job_pb.Progress] = []
        try:
            async with asyncio.timeout(60):
                async for batch in call:
                    for item in batch.items:
                        if item.HasField("progress"):
                            seen.append(item.progress.progress)
                        if item.HasField("event") and item.event.job.state in ENDED:
                            return item.event.job, seen
        finally:
            call.cancel()
        raise AssertionError("the watch ended before the job")

    async def _stats(self) -> job_pb.Stats:
        answer: queue_pb.GetStatsResponse = await self.queue.GetStats(queue_pb.GetStatsRequest(), timeout=30)
        return answer.stats

    async def is_clean(self) -> None:
        """Assert that no memory is held any more, once the processor has said so, and that nothing lies on tmpfs."""
        async with asyncio.timeout(30):
            while (await self._stats()).memory.current_bytes:  # noqa: ASYNC110 - another process's memory has no event
                await asyncio.sleep(0.01)
        assert not any(self.tmpfs_dir.glob("run-*/job-*"))


@pytest.fixture(scope="module")
def media() -> Media:
    return asyncio.run(make_media())


@pytest.fixture
async def world(media: Media, tmp_path: Path) -> AsyncIterator[World]:
    tmpfs_dir = Path("/dev/shm") / f"clipferry-test-{tmp_path.name}"
    queue_settings = QueueSettings(
        listen_address="127.0.0.1:0",
        database_url=f"sqlite:///{tmp_path}/queue.db",
        worker_spawn_delay_ms=0,
        retry_backoff_s=0,
        drain_s=0.1,
    )
    async with (
        sample_site(media=media) as site,
        odd_site() as odd,
        bot_api(token=TOKEN, chats=["42"]) as telegram,
    ):
        notifier_settings = NotifierSettings(
            listen_address="127.0.0.1:0",
            telegram_bot_token=SecretStr(TOKEN),
            telegram_api_base_url=telegram.url,
            telegram_chat_messages_per_s=0,
            drain_s=0.1,
        )
        async with queue_service(queue_settings) as queue_port, notifier_service(notifier_settings) as notifier_port:
            processor_settings = ProcessorSettings(
                listen_address="127.0.0.1:0",
                queue_target=f"127.0.0.1:{queue_port}",
                notifier_target=f"127.0.0.1:{notifier_port}",
                egress_allow=f"{site.url.removeprefix('http://')},127.0.0.1:{odd.port}",
                tmpfs_dir=tmpfs_dir,
                drain_s=0.1,
            )
            async with (
                processor_service(processor_settings),
                open_link(f"127.0.0.1:{queue_port}") as link,
            ):
                yield World(site, odd, telegram, queue_grpc.QueueServiceStub(link.channel), tmpfs_dir)
    assert not tmpfs_dir.exists(), "nothing stays in memory"


GOOD = {sample.path: sample for sample in SAMPLES if not sample.reason and sample.path != WATCH}
BAD = {sample.path: sample.reason for sample in SAMPLES if sample.reason}


async def test_every_sample_arrives_whole_and_playable(world: World) -> None:
    """All at once, as many as fit: each with its own bytes, its true size and length, and progress that only rises."""
    names = {path: await world.submit(path, caption=path) for path in GOOD}
    ended = dict(zip(names, await asyncio.gather(*map(world.watch, names.values())), strict=True))
    errors = {path: job.error.reason for path, (job, _) in ended.items() if job.state != job_pb.JOB_STATE_COMPLETED}
    assert errors == {}
    messages = {message.fields["caption"]: message for message in world.telegram.messages}
    assert messages.keys() == GOOD.keys()
    for path, (job, seen) in ended.items():
        _check_message(GOOD[path], messages[path])
        assert job.delivery.message_id == messages[path].message_id
        percents = [progress.percent for progress in seen]
        assert percents == sorted(percents)
    await world.is_clean()


def _check_message(sample: Sample, message: StoredMessage) -> None:
    assert message.method == "sendVideo", sample.path
    assert message.file is not None
    assert message.file.decoded
    assert message.file.moov_before_mdat
    assert message.file.thumbnail
    assert (message.fields["width"], message.fields["height"]) == (str(sample.width), str(sample.height)), sample.path
    assert message.fields["supports_streaming"].lower() == "true"
    assert abs(float(message.fields["duration"]) - sample.duration_s) <= 1, sample.path


PHONE = made(*picture("720x1280", duration_s=1), *sound(duration_s=1), *H264, *AAC, name="phone.mp4")
LONG_TITLE = "Дом/улица: часть 🎬🎬 " * 17 + "конец; и ещё 🎬🎬🎬"


async def _sent(world: World, answers: dict[str, bytes | Answer], path: str) -> StoredMessage:
    world.odd.answers = answers
    job, _ = await world.watch(await world.submit_url(world.odd.url(path)))
    assert job.state == job_pb.JOB_STATE_COMPLETED, job.error
    (message,) = world.telegram.messages
    return message


async def test_a_large_portrait_is_shown_as_one(world: World) -> None:
    """Of 15 MB: Telegram shows a square tile for what is over 10 MB, unless it is told size, length and preview."""
    message = await _sent(world, {"/phone.mp4": ranged(padded(PHONE, 15_000_000))}, "/phone.mp4")

    assert message.method == "sendVideo"
    assert message.file is not None
    assert len(message.file.data) == 15_000_000
    assert {name: message.fields[name] for name in ("width", "height", "duration", "supports_streaming")} == {
        "width": "720",
        "height": "1280",
        "duration": "1",
        "supports_streaming": "true",
    }
    assert message.file.thumbnail.startswith(b"\xff\xd8\xff")
    assert (message.file.thumbnail_width, message.file.thumbnail_height) == (180, 320)


TITLES = (
    LONG_TITLE,
    "_*[bold](x)` <b>&amp;</b> &lt;i&gt; \\",
    "",
    "../../etc/passwd",
    "a\u202egpj.exe",
    "👨‍👩‍👧‍👦" * 200,
)


async def test_every_title_arrives(world: World) -> None:
    """Its caption is whole characters and within the limit, its file name is one, and nothing is parsed as markup."""
    world.odd.answers = {"/clip.mp4": ranged(PHONE)}
    for number, title in enumerate(TITLES):
        text = f"<html><title>{html.escape(title)}</title><video src='/clip.mp4'></video>"
        world.odd.answers[f"/{number}"] = page(text)
    names = [await world.submit_url(world.odd.url(f"/{number}")) for number in range(len(TITLES))]

    jobs = [job for job, _ in await asyncio.gather(*map(world.watch, names))]

    assert [job.error.reason for job in jobs] == [""] * len(TITLES)
    messages = {message.fields["caption"].rpartition("/")[2]: message for message in world.telegram.messages}
    for number in range(len(TITLES)):
        message = messages[str(number)]
        assert len(message.fields["caption"].encode("utf-16-le")) <= 2 * 1024
        assert message.fields["caption"].endswith(world.odd.url(f"/{number}"))
        assert "parse_mode" not in message.fields
        assert message.file is not None
        assert 0 < len(message.file.name.encode()) <= 255
        assert not set(message.file.name) & set("/\\\0\u202e")
        assert message.file.name.endswith(".mp4")


async def test_every_bad_sample_fails_with_its_reason_and_the_next_job_works(world: World) -> None:
    names = {path: await world.submit(path) for path in BAD}
    ended = dict(zip(names, await asyncio.gather(*map(world.watch, names.values())), strict=True))
    assert {path: job.error.reason for path, (job, _) in ended.items()} == BAD
    assert list(world.telegram.messages) == []
    await world.is_clean()
    job, _ = await world.watch(await world.submit("/media/clip.mp4"))
    assert job.state == job_pb.JOB_STATE_COMPLETED


async def test_a_cancel_while_downloading_stops_the_bytes(world: World) -> None:
    name = await world.submit("/endless.mp4")
    await _until_downloading(world, name)
    await world.queue.CancelJob(queue_pb.CancelJobRequest(name=name), timeout=30)
    job, _ = await world.watch(name)
    assert job.state == job_pb.JOB_STATE_CANCELLED
    assert list(world.telegram.messages) == []
    await world.is_clean()
    sent_bytes = world.site.traffic.bytes_sent["/endless.mp4"]
    await world.watch(await world.submit("/media/clip.mp4"))
    assert world.site.traffic.bytes_sent["/endless.mp4"] == sent_bytes


async def _until_downloading(world: World, name: str) -> None:
    call = world.queue.WatchJobs()
    await call.write(queue_pb.WatchJobsRequest(names=[name], include_progress=True, after_sequence=0))
    try:
        async with asyncio.timeout(30):
            async for batch in call:
                if any(item.progress.progress.stage == job_pb.STAGE_DOWNLOADING for item in batch.items):
                    return
    finally:
        call.cancel()
