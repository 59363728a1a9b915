"""Thousands of WebSocket clients in one thread that count bytes: reading is far cheaper than what is measured."""

import re
import resource
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from websockets.frames import Frame, Opcode

FRAME_BYTES = 160
_SILENCE_S = 20.0
_LOOK_S = 0.002
"""Between two looks of clients that nobody waits for: if each write woke them, the server would pay for that."""
_NOTING_COUNT = 20
_FINISHED_EVERY = 10
"""One of so many events is an end. A reader at a tenth of the pace has room for just what must arrive."""
_FINISHED = b"job:finished"
_AT = re.compile(rb'"at":([0-9]+),')


@dataclass(frozen=True)
class Dialect:
    """How a client begins with a server.

    Args:
        path: Of the handshake.
        says: Text messages after it.
        until: What is in the last answer to them; empty when nothing is said.
    """

    path: str = "/ws"
    says: Sequence[str] = ()
    until: bytes = b""


@dataclass
class _Ends:
    """Those of jobs that one client has heard of."""

    count: int = 0
    _rest: bytes = b""

    def in_next(self, data: bytes) -> int:
        """Return how many more have come whole with `data`."""
        data = self._rest + data
        count = data.count(_FINISHED)
        self.count += count
        self._rest = data[1 - len(_FINISHED) :]
        return count


@dataclass
class Paced:
    """What clients saw."""

    late_ms: list[float] = field(default_factory=list)
    """Of every event to a client that took notes, from its making to its reading."""
    finished_count: int = 0
    """Ends that have come, to all clients together."""
    missing_count: int = 0
    """Ends that were sent and have not come yet."""


class Crowd:
    """Clients that are connected, and the feed that their server gets its events from."""

    def __init__(self, sockets: Sequence[socket.socket], feed: socket.socket) -> None:
        self._by_fd = {each.fileno(): each for each in sockets}
        self._feed = feed
        self._epoll = select.epoll()
        self._buffer = bytearray(1 << 20)
        for fd in self._by_fd:
            self._epoll.register(fd, select.EPOLLIN)

    def deliver(self, count: int, *, in_flight: int) -> int:
        """Have `count` events delivered to everybody, `in_flight` at a time; returns how many deliveries that was.

        Raises:
            AssertionError: If anybody gets less or more than everybody else.
        """
        frame_bytes = self._run(1, in_flight=1, frame_bytes=0)
        self._run(count, in_flight=in_flight, frame_bytes=frame_bytes)
        return count * len(self._by_fd)

    def _run(self, count: int, *, in_flight: int, frame_bytes: int) -> int:
        """Return the bytes of one frame; with `frame_bytes` 0 find it out."""
        got = dict.fromkeys(self._by_fd, 0)
        size = len(got)
        sent_count = got_bytes = 0
        while not frame_bytes or got_bytes < count * size * frame_bytes:
            done_count = got_bytes // (size * frame_bytes) if frame_bytes else 0
            due_count = min(count, done_count + in_flight) - sent_count
            if due_count > 0:
                self._feed.sendall(b"".join(_event(sent_count + number) for number in range(due_count)))
                sent_count += due_count
            ready = self._epoll.poll(_SILENCE_S)
            assert ready, f"nothing came for {_SILENCE_S} s: {got_bytes} bytes of {count} events to {size} clients"
            got_bytes += self._read(ready, got)
            if not frame_bytes and all(got.values()):
                break
        (each_bytes,) = set(got.values())
        return each_bytes // count

    def stream(self, duration_s: float, *, per_second: int, at_once: int) -> int:
        """Send `per_second` events a second, `at_once` of them together, whatever the server makes of it.

        Returns:
            Deliveries: each event to each client.

        Raises:
            AssertionError: If anything has not come to anybody a while after the last event, or came twice.
        """
        frame_bytes = self._run(1, in_flight=1, frame_bytes=0)
        count = int(duration_s * per_second) // at_once * at_once
        got = dict.fromkeys(self._by_fd, 0)
        due_bytes = count * frame_bytes * len(got)
        began_at_s = time.monotonic()
        sent_count = got_bytes = 0
        while got_bytes < due_bytes:
            passed_s = time.monotonic() - began_at_s
            assert passed_s < duration_s + _SILENCE_S, f"{due_bytes - got_bytes} bytes of {due_bytes} did not arrive"
            due_count = min(int(passed_s * per_second) // at_once * at_once, count) - sent_count
            if due_count > 0:
                self._feed.sendall(b"".join(_event(sent_count + number) for number in range(due_count)))
                sent_count += due_count
            next_at_s = began_at_s + (sent_count + at_once) / per_second
            time.sleep(max(0.0, min(next_at_s - time.monotonic(), _LOOK_S)))
            got_bytes += self._read(self._epoll.poll(0), got)
        assert set(got.values()) == {count * frame_bytes}, "somebody got more or less than the others"
        return count * len(got)

    def _read(self, ready: Sequence[tuple[int, int]], got: dict[int, int]) -> int:
        """Read from who is ready, and count it; returns the bytes."""
        all_bytes = 0
        for fd, _ in ready:
            read_bytes = self._by_fd[fd].recv_into(self._buffer)
            assert read_bytes, "a client was closed"
            got[fd] += read_bytes
            all_bytes += read_bytes
        return all_bytes

    def pace(self, duration_s: float, *, per_second: int, frame_bytes: int, job_count: int) -> Paced:
        """Send events at a steady pace and read all the time; a few clients note how late each event comes.

        Raises:
            AssertionError: If an end, which must arrive, has not come to everybody a while after the last event.
        """
        found = Paced()
        ends = {fd: _Ends() for fd in self._by_fd}
        began_at_s = time.monotonic()
        sent_count = 0
        rests = dict.fromkeys(list(self._by_fd)[:: max(len(self._by_fd) // _NOTING_COUNT, 1)], b"")
        while (passed_s := time.monotonic() - began_at_s) < duration_s or found.missing_count:
            assert passed_s < duration_s + _SILENCE_S, f"{found.missing_count} ends did not arrive"
            due_count = int(min(passed_s, duration_s) * per_second) - sent_count
            if due_count > 0:
                events = [_timed_event(sent_count + number, frame_bytes, job_count) for number in range(due_count)]
                self._feed.sendall(b"".join(events))
                sent_count += due_count
                found.missing_count = len(ends) * (sent_count // _FINISHED_EVERY) - found.finished_count
            for fd, _ in self._epoll.poll(1 / per_second):
                data = self._by_fd[fd].recv(65_536)
                assert data, "a client was closed"
                ends_count = ends[fd].in_next(data)
                found.finished_count += ends_count
                found.missing_count -= ends_count
                if fd in rests:
                    data, _, rests[fd] = (rests[fd] + data).rpartition(b"}")
                    now_ns = time.monotonic_ns()
                    found.late_ms += [(now_ns - int(at)) / 1e6 for at in _AT.findall(data)]
        assert {each.count for each in ends.values()} == {sent_count // _FINISHED_EVERY}, "somebody heard an end twice"
        return found

    def close(self) -> None:
        """Close the poll; the sockets belong to who opened them."""
        self._epoll.close()


def _event(number: int) -> bytes:
    """Return a line that makes a frame of about `FRAME_BYTES`, always the same size."""
    head = f'{{"type":"job:retrying","jobId":"01a2131f-887a-764c-87a2-6475051b0503","progress":{number % 90 + 10},'
    head += f'"version":{number % 900_000 + 100_000},"message":"'
    return f'{head}{"x" * (FRAME_BYTES - len(head) - 2)}"}}\n'.encode()


def _timed_event(number: int, frame_bytes: int, job_count: int) -> bytes:
    """Return a line with the time in it; some are ends, which must arrive, the others progress."""
    kind = "job:finished" if number % _FINISHED_EVERY == _FINISHED_EVERY - 1 else "job:progress"
    head = f'{{"type":"{kind}","jobId":"{number % job_count}","at":{time.monotonic_ns()},"message":"'
    return f'{head}{"x" * (frame_bytes - len(head) - 2)}"}}\n'.encode()


def newest_at_ns(data: bytes) -> int | None:
    """Return the time of the newest event in what a client has read, if there is one."""
    found = _AT.findall(data)
    return int(found[-1]) if found else None


@contextmanager
def crowd(port: int, feed_port: int, dialect: Dialect, *, size: int) -> Iterator[Crowd]:
    """Connect `size` clients for the length of the block."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        sockets = [stack.enter_context(client(port, dialect)) for _ in range(size)]
        feed = stack.enter_context(socket.create_connection(("127.0.0.1", feed_port)))
        feed.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened = Crowd(sockets, feed)
        stack.callback(opened.close)
        yield opened


def client(port: int, dialect: Dialect, *, receive_buffer_bytes: int | None = None) -> socket.socket:
    """Return a client that has begun with a server; its kernel holds `receive_buffer_bytes`, or what it likes."""
    opened = socket.socket()
    if receive_buffer_bytes is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    opened.connect(("127.0.0.1", port))
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    opened.sendall(
        f"GET {dialect.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += _more(opened)
    assert heard.startswith(b"HTTP/1.1 101"), heard[:200]
    for text in dialect.says:
        opened.sendall(Frame(Opcode.TEXT, text.encode()).serialize(mask=True))
    while dialect.until not in heard:
        heard += _more(opened)
    return opened


def _more(opened: socket.socket) -> bytes:
    data = opened.recv(65_536)
    assert data, "the server closed the connection"
    return data
