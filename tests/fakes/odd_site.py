"""A web server on 127.0.0.1 that answers as badly as a test wants: every byte of an answer is the test's own."""

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    """With its query, as it was sent."""
    fields: dict[str, str]
    """Header fields by their names in lower case."""


Answer: TypeAlias = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass(eq=False)
class OddSite:
    """The running site. See `odd_site`."""

    answers: dict[str, bytes | Answer] = field(default_factory=dict)
    """By path without its query: a whole answer, head included, or what writes one. Others get 404."""
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    open_count: int = 0
    most_open_count: int = 0
    """Most answers that were under way at once."""
    sent_bytes: int = 0
    """Bytes of endless answers that were sent."""
    is_sending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once an endless answer is under way."""
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a client hung up on an endless answer."""

    @property
    def address(self) -> tuple[str, int]:
        """For an allow list."""
        return "127.0.0.1", self.port

    def url(self, path: str) -> str:
        """Return the full address of `path`."""
        return f"http://127.0.0.1:{self.port}{path}"

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [asked.path for asked in self.asked]

    def endless(self, head: bytes, block: bytes, *, pause_s: float = 0.0) -> Answer:
        """Return an answer that repeats `block` after `head` until the client hangs up."""

        async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(head)
            self.is_sending.set()
            try:
                while True:
                    writer.write(block)
                    await writer.drain()
                    self.sent_bytes += len(block)
                    await asyncio.sleep(pause_s)
            except ConnectionError:
                self.cut.set()

        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and hang up."""
        self.open_count += 1
        self.most_open_count = max(self.most_open_count, self.open_count)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                asked = _read(await reader.readuntil(b"\r\n\r\n"))
                self.asked.append(asked)
                answer = self.answers.get(asked.path.partition("?")[0], page(b"", status="404 Not Found"))
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(asked, writer)
                await writer.drain()
        finally:
            self.open_count -= 1
            writer.close()


def _read(head: bytes) -> Asked:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Asked(first.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs})


def page(body: bytes | str, *fields: str, kind: str = "text/html", status: str = "200 OK") -> bytes:
    """Return a whole answer.

    Args:
        fields: More header fields, such as ``Set-Cookie: a=b``.
    """
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", "Connection: close"]
    return "\r\n".join([*lines, *fields, "", ""]).encode() + data


def hls(*lines: str, is_live: bool = False) -> bytes:
    """Return a playlist of these lines: of streams where one of them names a stream, else of pieces."""
    of_streams = any(line.startswith("#EXT-X-STREAM-INF") for line in lines)
    head = ["#EXTM3U", "#EXT-X-VERSION:7", *([] if of_streams else ["#EXT-X-TARGETDURATION:4"])]
    end = [] if of_streams or is_live else ["#EXT-X-ENDLIST"]
    return page("\n".join([*head, *lines, *end, ""]), kind="application/vnd.apple.mpegurl")


def ranged(data: bytes, kind: str = "video/mp4") -> Answer:
    """Return an answer that obeys ranges."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        found = _RANGE.fullmatch(asked.fields.get("range", ""))
        if found is None:
            writer.write(page(data, kind=kind))
            return
        start, end = int(found[1]), int(found[2] or len(data) - 1)
        part = data[start : end + 1]
        span = f"Content-Range: bytes {start}-{end}/{len(data)}"
        writer.write(page(part, span, kind=kind, status="206 Partial Content"))

    return answer


def slow(data: bytes, *, bytes_per_s: int, kind: str = "video/mp2t") -> Answer:
    """Return an answer that sends so much in a second, on each connection."""

    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        whole = page(data, kind=kind)
        step = max(1, bytes_per_s // 50)
        for at in range(0, len(whole), step):
            writer.write(whole[at : at + step])
            await writer.drain()
            await asyncio.sleep(0.02)

    return answer


@asynccontextmanager
async def odd_site() -> AsyncIterator[OddSite]:
    """Serve on a free port for the length of the block."""
    site = OddSite()
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(site.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(functools.partial(_ended, tasks))
        task.add_done_callback(lambda _: writer.close())  # also of one that has not begun

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _ended(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
