"""What a run needs of the world, in a test's hands: a site, a media reader, a way out, and a queue's answers."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.ports import Layout
from services.processor.core.recipe import Recipe
from services.processor.core.run import (
    FetchRequest,
    FetchStage,
    Found,
    Header,
    MediaFacts,
    MediaFile,
    MediaSummary,
    Moved,
    Receipt,
    Run,
)

FOUND = Found(
    title="A walk in the park",
    extractor="generic",
    webpage_url="https://www.example.com/walk",
    format_id="22",
    estimated_bytes=3_000,
)
FACTS = MediaFacts(mime_type="video/mp4", duration_s=12.5, width=640, height=360, video_codec="h264", audio_codec="aac")
RECEIPT = Receipt(chat_id=7, message_id=8, file_id="f", size_bytes=3_000)


def moved(done_bytes: int, *, total_bytes: int = 3_000, **changes: object) -> Moved:
    """Return a step of a download."""
    step = Moved(stage=FetchStage.DOWNLOADING, done_bytes=done_bytes, total_bytes=total_bytes, tmpfs_bytes=done_bytes)
    return replace(step, **changes)  # type: ignore[arg-type]


def a_run(**changes: object) -> Run:
    """Return a run of a small video."""
    run = Run(
        job_name="jobs/1",
        token=1,
        attempt=1,
        timeout_s=60,
        reserved_bytes=3_000,
        destination="42",
        fetch=FetchRequest(url="https://www.example.com/walk"),
    )
    return replace(run, **changes)  # type: ignore[arg-type]


@dataclass
class Script:
    """Where a trip stops or fails.

    Names of steps: extract, picture, download, describe, thumbnail, begin, send, commit, answer, complete; and close,
    the end of a downloader, and fail, for who has it stop there.
    """

    failures: dict[str, BaseException] = field(default_factory=dict)
    stops: set[str] = field(default_factory=set)
    """Steps that wait for `go`."""
    reached: dict[str, asyncio.Event] = field(default_factory=dict)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    steps: list[str] = field(default_factory=list)
    """What has happened, in order."""

    async def step(self, name: str) -> None:
        """Pass one step."""
        self.steps.append(name)
        self.arrival(name).set()
        if name in self.stops:
            await self.go.wait()
        if name in self.failures:
            raise self.failures[name]

    def arrival(self, name: str) -> asyncio.Event:
        """Return the event of a step that was reached."""
        return self.reached.setdefault(name, asyncio.Event())


@dataclass
class FakeDownloader:
    """A site with one video, of which `data` is the file."""

    script: Script
    found: Found = FOUND
    moves: list[Moved] = field(default_factory=lambda: [moved(1_000), moved(2_000), moved(3_000)])
    data: bytes = b"v" * 3_000
    picture: bytes = b""
    """The site's, as a child leaves it."""
    open_count: int = 0
    limit_bytes: int = 0
    allowed: list[int | None] = field(default_factory=list)
    """What a download was allowed to hold, from first to last."""
    format_id: str = ""
    recipe: Recipe | None = None
    larger: frozenset[str] = frozenset()
    """Ids of formats that prove too large on the way."""
    fetched: list[str] = field(default_factory=list)
    """Ids of the formats that were fetched, in order."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    asked_duration_s: float | None = None
    """What is only known of the duration when it is asked for."""
    asking_fails: ClipferryError | None = None
    """What comes of asking for it."""

    @asynccontextmanager
    async def fetch(self, request: FetchRequest, *, job_name: str) -> AsyncIterator["FakeFetch"]:
        self.open_count += 1
        try:
            yield FakeFetch(self, asks_duration=request.asks_duration)
        finally:
            self.open_count -= 1
            if "close" in self.script.stops:
                await self.script.step("close")


class FakeFetch:
    """One download of a `FakeDownloader`."""

    def __init__(self, site: FakeDownloader, *, asks_duration: bool) -> None:
        self._site = site
        self._asks_duration = asks_duration

    async def extract(self) -> Found:
        await self._site.script.step("extract")
        found = self._site.found
        if self._asks_duration and self._site.asking_fails is not None:
            raise self._site.asking_fails
        return (
            replace(found, duration_s=found.duration_s or self._site.asked_duration_s) if self._asks_duration else found
        )

    async def picture(self) -> bytes:
        await self._site.script.step("picture")
        return self._site.picture

    async def download(
        self, *, limit_bytes: int, format_id: str = "", recipe: Recipe | None = None
    ) -> AsyncGenerator[Moved, None]:
        self._site.limit_bytes, self._site.format_id, self._site.recipe = limit_bytes, format_id, recipe
        self._site.fetched.append(format_id)
        if format_id in self._site.larger and recipe is None:
            raise ClipferryError(Reason.VIDEO_TOO_LARGE, size_bytes=limit_bytes + 1, limit_bytes=limit_bytes)
        for number, move in enumerate(self._site.moves):
            yield move
            if number == 0:
                await self._site.script.step("download")
        if self._site.found.is_live:
            await self._site.finished.wait()

    def allow(self, held_bytes: int | None) -> None:
        self._site.allowed.append(held_bytes)

    def pause(self) -> None:
        self._site.script.steps.append("pause")

    def resume(self) -> None:
        self._site.script.steps.append("resume")

    async def finish(self) -> None:
        self._site.finished.set()

    def take(self) -> MediaFile:
        fd = os.memfd_create("video")
        os.write(fd, self._site.data)
        return MediaFile(fd=fd, size_bytes=len(self._site.data), extension="mp4")


class BytesLayout:
    """Bytes as they are."""

    def __init__(self, data: bytes) -> None:
        self.size_bytes = len(data)
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


@dataclass
class FakeMedia:
    """Believes what it is told."""

    script: Script
    facts: MediaFacts = FACTS

    async def describe(self, file: MediaFile) -> MediaFacts:
        await self.script.step("describe")
        return self.facts

    async def thumbnail(self, file: MediaFile, facts: MediaFacts) -> bytes:
        await self.script.step("thumbnail")
        return b"jpeg"

    def layout(self, file: MediaFile) -> BytesLayout:
        return BytesLayout(os.pread(file.fd, file.size_bytes, 0))


@dataclass
class FakeDelivery:
    """A chat that takes everything: half before the commit, the rest after it."""

    script: Script
    sent: list[tuple[Header, bytes]] = field(default_factory=list)

    async def send(
        self,
        header: Header,
        layout: Layout,
        *,
        commit: Callable[[], Awaitable[None]],
        on_sent: Callable[[int], None],
        on_wait: Callable[[float], None],
    ) -> Receipt:
        await self.script.step("send")
        on_sent(layout.size_bytes // 2)
        await commit()
        on_sent(layout.size_bytes)
        await self.script.step("answer")
        self.sent.append((header, layout.read(0, layout.size_bytes)))
        return RECEIPT


@dataclass
class FakeLeases:
    """A queue that agrees with everything, unless its script says otherwise."""

    script: Script
    earlier: Receipt | None = None
    completed: list[Receipt] = field(default_factory=list)
    failed: list[tuple[ClipferryError, bool]] = field(default_factory=list)
    summaries: list[MediaSummary] = field(default_factory=list)
    released: list[Run] = field(default_factory=list)
    resized: list[int] = field(default_factory=list)

    async def begin_send(self, run: Run, *, size_bytes: int, media: MediaSummary) -> Receipt | None:
        await self.script.step("begin")
        self.summaries.append(media)
        return self.earlier

    async def commit_send(self, run: Run) -> None:
        await self.script.step("commit")

    async def complete(self, run: Run, receipt: Receipt) -> None:
        await self.script.step("complete")
        self.completed.append(receipt)

    async def fail(self, run: Run, error: ClipferryError, *, not_sent: bool) -> None:
        if "fail" in self.script.stops:
            await self.script.step("fail")
        self.failed.append((error, not_sent))

    async def release(self, run: Run) -> None:
        self.released.append(run)

    def resize(self, run: Run, *, reserved_bytes: int) -> None:
        self.resized.append(reserved_bytes)
