"""What goes out of one request: the whole answer at once, and nothing that would be read as another."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.http_exchange import Exchange


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.is_closed = True


class Flow:
    """A client that reads on."""

    write_paused = False


def exchange(method: str = "GET", *, keep_alive: bool = True, on_response: Callable[[], None] = lambda: None) -> Any:
    return Exchange(
        scope={"type": "http", "method": method},  # type: ignore[typeddict-item]
        transport=Transport(),  # type: ignore[arg-type]
        flow=Flow(),  # type: ignore[arg-type]
        logger=None,  # type: ignore[arg-type]
        access_logger=None,  # type: ignore[arg-type]
        access_log=False,
        default_headers=[(b"date", b"now")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=on_response,
    )


async def answered(made: Any, *parts: bytes, status: int = 200, fields: Any = ()) -> list[bytes]:
    """Let `made` be answered; returns what was written."""
    await made.send({"type": "http.response.start", "status": status, "headers": fields})
    for number, part in enumerate(parts, 1):
        await made.send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})
    writes: list[bytes] = made.transport.writes
    return writes


async def test_an_answer_is_one_write() -> None:
    ends: list[None] = []
    made = exchange(on_response=lambda: ends.append(None))

    assert await answered(made, b"{}", fields=[(b"content-length", b"2")]) == [
        b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 2\r\n\r\n{}"
    ]
    assert (made.response_complete, ends, made.transport.is_closed) == (True, [None], False)


async def test_an_answer_of_unknown_length_comes_in_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\ndate: now\r\ntransfer-encoding: chunked\r\n\r\n"

    assert await answered(exchange(), b"one", b"", b"four") == [head + b"3\r\none\r\n", b"", b"4\r\nfour\r\n0\r\n\r\n"]


@pytest.mark.parametrize(("method", "status", "body"), [("HEAD", 200, b"{}"), ("GET", 204, b""), ("GET", 304, b"")])
async def test_an_answer_without_a_body_ends_with_its_head(method: str, status: int, body: bytes) -> None:
    fields = [(b"content-length", b"2")] if body else []
    written = b"".join(await answered(exchange(method), body, status=status, fields=fields))

    assert written.endswith(b"\r\n\r\n")
    assert b"chunked" not in written
    assert (b"content-length: 2" in written) == bool(body)


@pytest.mark.parametrize(
    ("keep_alive", "fields"), [(False, []), (True, [(b"connection", b"close")]), (False, [(b"connection", b"close")])]
)
async def test_the_last_answer_says_so_once_and_closes(keep_alive: bool, fields: Any) -> None:
    made = exchange(keep_alive=keep_alive)
    written = b"".join(await answered(made, b"", fields=[*fields, (b"content-length", b"0")]))

    assert written.count(b"connection: close\r\n") == 1
    assert made.transport.is_closed


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x", b"a\nb", b"a\rb", b"\x00", b"\x7f"])
async def test_a_field_cannot_end_its_line(value: bytes) -> None:
    made = exchange()
    with pytest.raises(RuntimeError, match="control character"):
        await answered(made, b"", fields=[(b"location", value)])
    assert made.transport.writes == []


@pytest.mark.parametrize("part", [b"x", b"xxx"])
async def test_an_answer_of_another_length_than_it_says_is_not_sent(part: bytes) -> None:
    made = exchange()
    with pytest.raises(RuntimeError, match="length"):
        await answered(made, part, fields=[(b"content-length", b"2")])
    assert made.transport.writes == []


async def test_nothing_is_taken_out_of_order() -> None:
    made = exchange()
    with pytest.raises(RuntimeError, match=r"http\.response\.start"):
        await made.send({"type": "http.response.body", "body": b""})
    await answered(made, b"")
    with pytest.raises(RuntimeError, match="complete"):
        await made.send({"type": "http.response.body", "body": b""})
