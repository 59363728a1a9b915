"""What happens on the line to the Bot API: who is not there, who is slow, and who has ceased to read."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.notifier.adapters.bot_api import BotApi
from services.notifier.adapters.request import StreamingRequest
from tests.fakes.clips import mp4_clip, padded
from tests.fakes.notifier_tools import open_desk

MIB = 1024 * 1024
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def _full_port() -> Iterator[int]:
    """Listen where no connection is ever made: what may wait to be accepted is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@asynccontextmanager
async def _server(serve: Serve) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _closes_at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _talks_nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    await writer.drain()
    writer.close()


async def _failure(base_url: str, **changes: Any) -> ClipferryError:
    async with open_desk(telegram_api_base_url=base_url, **changes) as desk:
        with pytest.raises(ClipferryError) as caught:
            await desk.send(padded(mp4_clip(), MIB))
    return caught.value


async def test_a_connection_that_is_not_made_in_time() -> None:
    """Nothing was sent, and another run may help."""
    with _full_port() as port:
        error = await _failure(f"http://127.0.0.1:{port}", telegram_connect_timeout_s=0.3)

    assert error.reason is Reason.TELEGRAM_UNREACHABLE
    assert "no connection was made within 0.3 s; nothing was sent" in error.message


@pytest.mark.parametrize("serve", [_closes_at_once, _talks_nonsense])
async def test_a_server_that_is_no_bot_api(serve: Serve) -> None:
    """What breaks before the body was whole was not sent, and what the server said is not shown."""
    async with _server(serve) as url:
        error = await _failure(url)

    assert error.reason is Reason.TELEGRAM_UNREACHABLE
    assert "the connection broke" in error.message
    assert "SSH" not in error.message


async def test_plain_http_where_tls_was_expected() -> None:
    """The sentence tells a wrong scheme from a server that is not there."""
    async with _server(_talks_nonsense) as url:
        error = await _failure(url.replace("http:", "https:"))

    assert error.reason is Reason.TELEGRAM_UNREACHABLE
    assert "the secure connection failed; nothing was sent" in error.message


@asynccontextmanager
async def _steady_reader(
    *, bytes_per_tick: int = MIB, tick_s: float = 0.0, answer_after_s: float = 0.0
) -> AsyncIterator[str]:
    """A server with a small socket that reads a little at each tick, and answers some time after all has come."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0]) if b"ength: " in head else 0
        while length > 0:
            length -= len(await reader.read(min(bytes_per_tick, length)))
            await asyncio.sleep(tick_s)
        await asyncio.sleep(answer_after_s)
        answer = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(answer) + answer)
        await writer.drain()
        writer.close()

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)  # before listen: then it holds for all
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=listener, limit=8 * 1024)
    async with server:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_slow_but_steady_line_is_not_cut() -> None:
    """One part takes longer than the limit, and all parts six times as long: bytes arrive all the time."""
    async with (
        _steady_reader(bytes_per_tick=1200, tick_s=0.02) as url,
        open_desk(telegram_api_base_url=url, telegram_write_timeout_s=0.8) as desk,
    ):
        outcome = await desk.send(padded(mp4_clip(), MIB // 3))

    assert outcome.delivery.message_id == 1


async def test_a_stalled_line_is_cut() -> None:
    """A Bot API that reads no more: STALLED, and nothing was sent.

    Progress never said more than what two sockets hold beyond what was read.
    """
    async with open_desk(telegram_write_timeout_s=0.4) as desk:
        desk.fault("stall", after_bytes=MIB)
        upload = await desk.start(padded(mp4_clip(), 24 * MIB))
        writing = asyncio.create_task(upload.write_whole())
        with pytest.raises(ClipferryError) as caught:
            await upload.outcome()
        await writing

        assert caught.value.reason is Reason.STALLED
        assert MIB <= int(caught.value.metadata["taken_bytes"]) < 12 * MIB
        assert upload.sent_bytes[-1] <= int(caught.value.metadata["taken_bytes"])
        assert len(desk.bot_api.messages) == 0


async def test_a_large_file_may_be_worked_on_for_longer() -> None:
    """A local Bot API server is silent while it uploads what it took: the larger the file, the longer."""
    async with (
        _steady_reader(answer_after_s=2) as url,
        open_desk(telegram_api_base_url=url, telegram_read_timeout_s=0.2, telegram_min_bytes_per_s=MIB // 10) as desk,
    ):
        outcome = await desk.send(padded(mp4_clip(), 2 * MIB))
        with pytest.raises(ClipferryError) as caught:
            await desk.send_text("a text has no size")

    assert outcome.delivery.message_id == 1
    assert caught.value.reason is Reason.DELIVERY_UNKNOWN
    assert "no answer within 0.2 s" in caught.value.message


async def test_the_librarys_own_time_outs_cut_nothing() -> None:
    """python-telegram-bot passes limits of its own with each call: ours alone hold."""
    async with _steady_reader(answer_after_s=0.3) as url:
        api = BotApi(
            base_url=url,
            token="1:x",
            limit_bytes=MIB,
            connect_timeout_s=30,
            write_timeout_s=30,
            read_timeout_s=30,
            min_bytes_per_s=MIB,
        )
        status, _ = await StreamingRequest(api).do_request(
            f"{url}/bot1:x/getMe",
            "POST",
            read_timeout=0.01,
            write_timeout=0.01,
            connect_timeout=0.01,
            pool_timeout=0.01,
        )

    assert status == 200
