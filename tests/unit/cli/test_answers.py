"""Addresses at which there is no gateway, or one that does not answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cli.credentials import Credentials, Fixed, OwnKey
from cli.exits import DENIED, UNREACHABLE, CommandError
from cli.gateway import Gateway
from cli.target import Target
from tests.fakes.gateway_client import gateway_at_hand

PAGE = "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"


@asynccontextmanager
async def server(answer: str | None) -> AsyncIterator[tuple[str, list[str]]]:
    """Answer each request with `answer`, or never; yields the address, and the requests' first lines as they come."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                seen.append(line.decode().strip())
                while (await reader.readline()).strip():
                    pass
                if answer is not None:
                    writer.write(f"HTTP/1.1 {answer}".encode())
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", seen


async def refusal(url: str, credentials: Credentials, call: Callable[[Gateway], Any]) -> CommandError:
    def asked() -> None:
        with Gateway(Target(url, credentials, {})) as gateway:
            call(gateway)

    with pytest.raises(CommandError) as refused:
        await asyncio.to_thread(asked)
    return refused.value


def list_jobs(gateway: Gateway) -> None:
    list(gateway.jobs(count=1, states=[]))


async def test_a_gateway_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked again and again; the sentence says that something is there."""
    monkeypatch.setattr("cli.http._ANSWER_S", 0.3)
    async with server(None) as (url, seen), asyncio.timeout(20):
        error = await refusal(url, Fixed("cf_1"), list_jobs)

    assert error.status == UNREACHABLE
    assert error.message == f"{url} takes connections, but has not answered within 0.3 s."
    assert len(seen) == 1


@pytest.mark.parametrize("credentials", [Fixed(""), Fixed("cf_1"), OwnKey("operators-own")], ids=["none", "key", "own"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (f"404 Not Found\r\n{PAGE}", "does not look like a clipferry gateway (status 404)"),
        (f"200 OK\r\n{PAGE}", "does not look like a clipferry gateway (status 200)"),
        (f"502 Bad Gateway\r\n{PAGE}", "cannot reach the gateway behind it (status 502)"),
        (
            f"301 Moved\r\nLocation: https://nas.test/\r\n{PAGE}",
            "sends on to https://nas.test/: if the gateway is there",
        ),
    ],
    ids=["404", "200", "502", "301"],
)
async def test_something_else_is_no_gateway(credentials: Credentials, answer: str, said: str) -> None:
    """With a key or without: no inner error, and no sign-in is asked for where there is nothing to sign in at."""
    async with server(answer) as (url, _), asyncio.timeout(20):
        error = await refusal(url, credentials, list_jobs)

    assert error.status == UNREACHABLE
    assert said in error.message
    assert url in error.message


async def test_nothing_there_comes_before_nobody_signed_in() -> None:
    error = await refusal("http://127.0.0.1:9", Fixed(""), list_jobs)

    assert error.status == UNREACHABLE
    assert error.message == "Nothing can be reached at http://127.0.0.1:9: connection refused."


async def test_a_server_without_tls_is_named_as_such() -> None:
    async with server(f"404 Not Found\r\n{PAGE}") as (url, _), asyncio.timeout(20):
        error = await refusal(url.replace("http:", "https:"), Fixed("cf_1"), list_jobs)

    assert error.status == UNREACHABLE
    assert error.message.startswith(f"TLS with {url.replace('http:', 'https:')} fails: ")


async def test_nobody_is_signed_in_at_a_gateway(tmp_path: Any) -> None:
    async with gateway_at_hand(tmp_path) as admin:
        error = await refusal(f"http://127.0.0.1:{admin.port}", Fixed(""), list_jobs)

    assert (error.status, error.code) == (DENIED, "UNAUTHENTICATED")
    assert "clipferry login" in error.message
