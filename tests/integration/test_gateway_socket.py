"""How a socket is written to whose client reads slowly, in drops, or not at all."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from gateway.http_protocol import HttpTerms
from gateway.live.frames import text_frame
from gateway.live.socket import EXTENSION, SharedFrameProtocol
from gateway.live.telling import push_to_all
from gateway.live.terms import WriteTerms
from gateway.serving import listen, serving
from tests.fakes.eventually import eventually
from tests.fakes.raw_socket import RawSocket, raw_socket

DEADLINE_S, FAREWELL_S = 0.3, 0.2
_GONE_WITHIN_S = 8.0
"""Less than the 10 s after which the kernel gives up who stops reading, whatever the gateway does."""
KIB = "x" * 1_024


class Served:
    """A server whose only work is to accept."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[SharedFrameProtocol] = asyncio.Queue()
        self.open_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        self.opened.put_nowait(scope["extensions"][EXTENSION])
        self.open_count += 1
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self.open_count -= 1


@asynccontextmanager
async def connected(**terms: float) -> AsyncIterator[tuple[RawSocket, SharedFrameProtocol]]:
    """Both ends of a connection."""
    served, told = Served(), WriteTerms(**{"deadline_s": DEADLINE_S, "farewell_s": FAREWELL_S, **terms})  # type: ignore[arg-type]
    with closing(listen("127.0.0.1", 0)) as listener:
        async with serving(served, listener, drain_s=1, http_terms=HttpTerms(), write_terms=told):
            async with raw_socket(listener.getsockname()[1]) as client:
                yield client, await served.opened.get()
            await eventually(lambda: _none_open(served))


@dataclass
class Member:
    """One of many who are told the same."""

    socket: SharedFrameProtocol


def texts(client: RawSocket) -> list[str]:
    """Return what a client has read."""
    return [text.strip('"') for text in client.texts]


async def _none_open(served: Served) -> bool:
    return served.open_count == 0


async def gone(server: SharedFrameProtocol) -> None:
    """Wait until the server's end of the connection has gone."""

    async def look() -> bool:
        return server.disconnected

    await eventually(look, within_s=_GONE_WITHIN_S, what="the socket is gone")


async def test_a_slow_reader_gets_all_that_must_arrive_then_the_newest_of_the_rest() -> None:
    """Although that takes longer than the deadline: it is met by going on."""
    async with connected(deadline_s=1.0) as (client, server):
        for number in range(400):
            server.push(text_frame(f"progress {number} {KIB}"), "progress")
            server.push(text_frame(f"must {number} {KIB}"))
        server.push(text_frame("stats"), "stats")
        while '"stats"' not in client.texts:
            await client.read(4_096)
            await asyncio.sleep(0.01)

        assert not server.was_dropped
    said = [text.strip('"').removesuffix(KIB).strip() for text in client.texts]
    assert [each for each in said if each.startswith("must")] == [f"must {number}" for number in range(400)]
    assert said[-2:] == ["progress 399", "stats"]


async def test_what_is_told_within_a_tick_arrives_in_order_and_of_each_key_the_newest() -> None:
    async with connected(deadline_s=5) as (client, server):
        for frame, key in (("old", "job"), ("must 1", None), ("stats", "queue"), ("new", "job"), ("must 2", None)):
            server.push(text_frame(frame), key)
        server.push(text_frame("forgotten"), "other")
        server.forget("other")
        while len(client.texts) < 4:
            await client.read()
        server.push(text_frame("end"))
        while len(client.texts) < 5:
            await client.read()

    assert texts(client) == ["must 1", "stats", "new", "must 2", "end"]


async def test_what_is_told_to_many_at_once_is_what_each_would_be_told_alone() -> None:
    """Also to one that has heard something else before, and to one that is behind."""
    async with (
        connected(deadline_s=5) as (ann_client, ann),
        connected(deadline_s=5) as (bob_client, bob),
        connected(deadline_s=5) as (behind_client, behind),
    ):
        everybody = [Member(ann), Member(bob), Member(behind)]
        behind.push(text_frame("long " + KIB * 100))
        behind.flush()
        bob.push(text_frame("to bob"))
        for text, key in (("old", "job"), ("must", None), ("new", "job"), ("end", None)):
            push_to_all(everybody, text_frame(text), key)
        for client in (ann_client, bob_client, behind_client):
            while not {'"end"', '"new"'} <= set(client.texts):
                await client.read()

    assert texts(ann_client) == ["must", "new", "end"]
    assert texts(bob_client) == ["to bob", "must", "new", "end"]
    assert texts(behind_client)[1:] == ["must", "end", "new"]


async def test_all_who_are_told_more_than_one_write_takes_hear_all_of_it() -> None:
    """They share what is written, and its parts."""
    async with connected(deadline_s=5) as (ann_client, ann), connected(deadline_s=5) as (bob_client, bob):
        for number in range(20):
            push_to_all([Member(ann), Member(bob)], text_frame(f"{number} {KIB}"))
        for client in (ann_client, bob_client):
            while len(client.texts) < 20:
                await client.read()

    heard = [[text.split()[0] for text in texts(client)] for client in (ann_client, bob_client)]
    assert heard == [[str(number) for number in range(20)]] * 2


async def test_who_stops_reading_before_the_tick_ends_is_not_written_to_with_the_others() -> None:
    """It hears the newest when it reads again, and of what it was told before only what must arrive."""
    async with connected(deadline_s=20) as (ann_client, ann), connected(deadline_s=20) as (bob_client, bob):
        push_to_all([Member(ann), Member(bob)], text_frame("old"), "job")
        bob.pause_writing()
        while not ann_client.texts:
            await ann_client.read()
        push_to_all([Member(ann), Member(bob)], text_frame("new"), "job")
        bob.resume_writing()
        for client in (ann_client, bob_client):
            while '"new"' not in client.texts:
                await client.read()

    assert (texts(ann_client), texts(bob_client)) == (["old", "new"], ["new"])


async def test_what_was_told_before_the_goodbye_arrives_before_it() -> None:
    async with connected(deadline_s=5) as (client, server):
        server.push(text_frame("goaway"))
        server.close(4000)
        await client.read_to_end()

    assert (texts(client), client.close_code) == (["goaway"], 4000)


async def test_who_stops_reading_is_gone_with_all_that_waited() -> None:
    async with connected() as (_, server):
        for number in range(100):
            server.push(text_frame(KIB), number)

        await gone(server)
        assert server.was_dropped
        assert server._outbox is None


async def test_a_byte_now_and_then_is_not_reading() -> None:
    async with connected() as (client, server):
        for number in range(100):
            server.push(text_frame(KIB), number)
        ends = asyncio.ensure_future(gone(server))
        while not ends.done():
            await client.read(1)
            await asyncio.sleep(0.005)

        await ends
        assert server.was_dropped


async def test_too_many_messages_that_must_arrive_end_the_connection_with_4001() -> None:
    async with connected(outbox_count=100, deadline_s=5, farewell_s=5) as (client, server):
        for _ in range(200):
            server.push(text_frame(KIB))
        await client.read_to_end()

        assert (server.was_dropped, client.close_code) == (True, 4001)


async def test_too_many_bytes_that_must_arrive_end_the_connection_with_4001() -> None:
    async with connected(outbox_bytes=65_536, deadline_s=5, farewell_s=5) as (client, server):
        for _ in range(200):
            server.push(text_frame(KIB))
        await client.read_to_end()

        assert (server.was_dropped, client.close_code) == (True, 4001)


async def test_the_kernel_holds_little_and_gives_up_on_a_peer_that_does_not_acknowledge() -> None:
    """Whose network is gone, nothing of what it is told fails by itself for a quarter of an hour."""
    async with connected() as (_, server):
        peer = server.transport.get_extra_info("socket")
        unanswered_ms = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        buffer_bytes = peer.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)

    assert unanswered_ms == 10_000
    assert buffer_bytes == 2 * WriteTerms().kernel_buffer_bytes  # the kernel doubles what it is told


async def test_nothing_gets_between_the_pieces_of_a_long_message() -> None:
    """Neither a pong nor the close frame."""
    long = "y" * 300_000
    async with connected(deadline_s=5, farewell_s=5) as (client, server):
        server.push(text_frame(long))
        await client.ping()
        while not client.pong_count:
            await client.read()
        server.push(text_frame(long))
        server.flush()
        server.push(text_frame("never leaves"))
        server.close(4000)
        await client.read_to_end()

    assert client.texts == [f'"{long}"', f'"{long}"']
    assert client.close_code == 4000


async def test_pings_of_a_client_that_does_not_read_cost_nothing() -> None:
    async with connected(deadline_s=5) as (client, server):
        for number in range(20):
            server.push(text_frame(KIB * 4), number)
        server.flush()
        assert not server.writable.is_set()
        waits_bytes = server.transport.get_write_buffer_size()
        await client.ping(5_000)
        server.was_heard = False
        await client.ping()

        async def heard() -> bool:
            return server.was_heard

        await eventually(heard)
        assert server.transport.get_write_buffer_size() <= waits_bytes
