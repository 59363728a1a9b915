"""The ways the site sends a file: whole or in ranges, slowly, without a length, without an end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from sandbox.site.traffic import Traffic

_PIECE_BYTES = 64 * 1024
_KERNEL_BYTES = 64 * 1024
_TICKS_PER_S = 20

# A file that looks like the start of an mp4, and never becomes one.
_FTYP = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42"
_PREFACE = _FTYP + (1 << 30).to_bytes(4, "big") + b"mdat"


async def send_ranged(request: web.Request, body: bytes, media_type: str, traffic: Traffic) -> web.StreamResponse:
    """Answer with `body`, or with the one range that was asked for."""
    start, stop = 0, len(body)
    headers = {"Accept-Ranges": "bytes"}
    if "Range" in request.headers:
        wanted = _range(request, len(body))
        if wanted is None:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
        start, stop = wanted
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
    response = web.StreamResponse(status=206 if "Content-Range" in headers else 200, headers=headers)
    response.content_length = stop - start
    return await _send(request, response, media_type, _pieces(memoryview(body)[start:stop]), traffic)


def _range(request: web.Request, size: int) -> tuple[int, int] | None:
    try:
        asked = request.http_range
    except ValueError:
        return None
    start, stop, _ = slice(asked.start, asked.stop).indices(size)
    return (start, stop) if start < stop else None


async def send_chunked(request: web.Request, body: bytes, media_type: str, traffic: Traffic) -> web.StreamResponse:
    """Answer with `body` without saying how long it is."""
    return await _send(request, _chunked(), media_type, _pieces(memoryview(body)), traffic)


async def send_throttled(
    request: web.Request, body: bytes, media_type: str, traffic: Traffic, *, bytes_per_s: int
) -> web.StreamResponse:
    """Answer with `body` at a steady speed."""
    response = web.StreamResponse()
    response.content_length = len(body)
    piece_bytes = max(1, bytes_per_s // _TICKS_PER_S)
    pieces = _paced(_pieces(memoryview(body), piece_bytes))
    return await _send(request, response, media_type, pieces, traffic)


async def send_gated(
    request: web.Request, body: bytes, media_type: str, traffic: Traffic, *, gate: asyncio.Event
) -> web.StreamResponse:
    """Answer with the first half of `body`, and with the rest once `gate` is open."""

    async def halves() -> AsyncIterator[memoryview]:
        middle = len(body) // 2
        async for piece in _pieces(memoryview(body)[:middle]):
            yield piece
        await gate.wait()
        async for piece in _pieces(memoryview(body)[middle:]):
            yield piece

    response = web.StreamResponse()
    response.content_length = len(body)
    return await _send(request, response, media_type, halves(), traffic)


async def send_huge(request: web.Request, traffic: Traffic, *, size_bytes: int, announced: bool) -> web.StreamResponse:
    """Answer with `size_bytes` of nothing, as an mp4."""
    if request.transport is not None:
        # Or the kernel takes megabytes that nobody reads, and they would count as sent.
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
    response = web.StreamResponse() if announced else _chunked()
    if announced:
        response.content_length = size_bytes
    return await _send(request, response, "video/mp4", _nothing(size_bytes), traffic)


async def send_endless(request: web.Request, traffic: Traffic) -> web.StreamResponse:
    """Answer with an mp4 of 40 MB at 500 kB/s: whoever waits for its end waits for 80 s."""
    response = web.StreamResponse()
    response.content_length = 40_000_000
    return await _send(request, response, "video/mp4", _paced(_nothing(40_000_000, 25_000)), traffic)


async def send_stalled(request: web.Request, traffic: Traffic) -> web.StreamResponse:
    """Answer with the first 256 KiB of an mp4, then with silence for as long as the client stays."""

    async def falls_silent() -> AsyncIterator[memoryview]:
        async for piece in _nothing(256 * 1024):
            yield piece
        await asyncio.Event().wait()

    response = web.StreamResponse()
    response.content_length = 10_000_000
    return await _send(request, response, "video/mp4", falls_silent(), traffic)


def _chunked() -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    return response


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    media_type: str,
    pieces: AsyncIterator[memoryview],
    traffic: Traffic,
) -> web.StreamResponse:
    response.content_type = media_type
    with suppress(ConnectionError):  # whoever has seen enough hangs up
        await response.prepare(request)
        if request.method != "HEAD":
            async for piece in pieces:
                await response.write(piece)
                traffic.bytes_sent[request.path] += len(piece)
        await response.write_eof()
    return response


async def _pieces(body: memoryview, piece_bytes: int = _PIECE_BYTES) -> AsyncIterator[memoryview]:
    for at in range(0, len(body), piece_bytes):
        yield body[at : at + piece_bytes]


async def _nothing(size_bytes: int, piece_bytes: int = _PIECE_BYTES) -> AsyncIterator[memoryview]:
    yield memoryview(_PREFACE)
    zeros, left = memoryview(bytes(piece_bytes)), size_bytes - len(_PREFACE)
    while left > 0:
        yield zeros[:left]
        left -= piece_bytes


async def _paced(pieces: AsyncIterator[memoryview]) -> AsyncIterator[memoryview]:
    loop = asyncio.get_running_loop()
    due_at_s = loop.time()
    async for piece in pieces:
        yield piece
        due_at_s += 1 / _TICKS_PER_S
        await asyncio.sleep(due_at_s - loop.time())
