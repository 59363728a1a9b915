"""Callers of ``POST /api/jobs``: prepared requests over kept connections, each answer checked and counted."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_BODY = b'{"url": "http://video.test/watch/%010d"}'


@dataclass(frozen=True)
class Load:
    """What came of one run."""

    took_s: float
    latencies_ms: list[float]


class _Caller(asyncio.Protocol):
    """Sends the next request when the last is answered.

    Args:
        head: Request line and fields, without the end of them.
        numbers: Shared by all callers: no two requests are the same job.
        done: Called with each answer's latency in seconds; says whether to go on.
    """

    def __init__(self, head: bytes, numbers: Iterator[int], done: Callable[[float], bool]) -> None:
        self._head = head
        self._numbers = numbers
        self._done = done
        self._heard = b""
        self._sent_at_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self) -> None:
        """Send one."""
        body = _BODY % next(self._numbers)
        self._sent_at_s = time.perf_counter()
        self._transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body))

    def data_received(self, data: bytes) -> None:
        self._heard += data
        end = self._heard.find(b"\r\n\r\n")
        length = _LENGTH.search(self._heard) if end >= 0 else None
        if length is None or len(self._heard) < end + 4 + int(length[1]):
            return
        assert self._heard.startswith(b"HTTP/1.1 202 "), self._heard[:300]
        self._heard = b""
        if self._done(time.perf_counter() - self._sent_at_s):
            self.send()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


async def load(port: int, token: str, *, callers: int, requests: int, numbers: Iterator[int]) -> Load:
    """Send so many requests by so many callers at once.

    Raises:
        AssertionError: If an answer is not 202.
        TimeoutError: If one is missing.
    """
    head = (
        f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    latencies_ms: list[float] = []
    all_answered = asyncio.Event()

    def done(latency_s: float) -> bool:
        latencies_ms.append(latency_s * 1000)
        if len(latencies_ms) == requests:
            all_answered.set()
        return len(latencies_ms) + callers <= requests

    opened = [
        (await loop.create_connection(lambda: _Caller(head, numbers, done), "127.0.0.1", port))[1]
        for _ in range(callers)
    ]
    began_at_s = time.perf_counter()
    for caller in opened:
        caller.send()
    async with asyncio.timeout(120):
        await all_answered.wait()
    took_s = time.perf_counter() - began_at_s
    for caller in opened:
        caller.close()
    return Load(took_s, latencies_ms)
