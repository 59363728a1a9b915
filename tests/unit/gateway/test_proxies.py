"""Behind a proxy: what it says of the client is heeded, and of nobody else."""

from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from gateway.api.proxies import Proxies

PROXY = "10.0.0.7"
FORWARDED = {
    "X-Forwarded-For": "198.51.100.9, 203.0.113.5, 10.1.2.3",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "clips.example.org",
    "X-Forwarded-Prefix": "/clips/",
}


async def _echo(request: Request) -> Response:
    """Tells what an application sees."""
    client = request.client.host if request.client else ""
    return JSONResponse({"client": client, "url": str(request.url), "root": request.scope["root_path"]})


APP = Router([Route("/seen", _echo)])


async def seen(peer: str, headers: dict[str, str], *, path: str = "/seen", root_path: str = "") -> dict[str, Any]:
    app = Proxies(APP, trusted=frozenset({"10.0.0.0/8", "fd00::7"}), root_path=root_path)
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:3000") as client:
        response = await client.get(path, headers=headers)
    return (
        dict(response.json())
        if response.status_code == 200
        else {"status": response.status_code} | {"location": response.headers.get("location")}
    )


async def test_a_trusted_proxy_tells_who_asks_and_for_what() -> None:
    """The client is the last address that no proxy of ours added: what is before it, anybody may have written."""
    told = await seen(PROXY, FORWARDED)

    assert told == {"client": "203.0.113.5", "url": "https://clips.example.org/clips/seen", "root": "/clips"}
    assert (await seen("fd00::7", FORWARDED))["client"] == "203.0.113.5"


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("x1", PROXY),
        ("", PROXY),
        ("unknown, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.5, _hidden", PROXY),
        ("203.0.113.5, x1, 10.1.2.3", "10.1.2.3"),
        ("x1, 203.0.113.5, 10.1.2.3", "203.0.113.5"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("203.0.113.5:port", PROXY),
        ("2001:db8::5", "2001:db8::5"),
        ("[2001:db8::5]:4711", "2001:db8::5"),
        ("[2001:db8::5]x", PROXY),
        ("[x]:1", PROXY),
    ],
)
async def test_only_an_address_is_a_client(said: str, client: str) -> None:
    """Whoever could be any word would have a new limit with each request."""
    assert (await seen(PROXY, {"X-Forwarded-For": said}))["client"] == client


async def test_nobody_else_is_believed() -> None:
    told = await seen("203.0.113.5", FORWARDED)

    assert told == {"client": "203.0.113.5", "url": "http://inside:3000/seen", "root": ""}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-Host", "evil.example/x"),
        ("X-Forwarded-Host", "a.example, b.example"),
        ("X-Forwarded-Host", ""),
        ("X-Forwarded-Prefix", "//evil.example"),
        ("X-Forwarded-Prefix", "clips"),
        ("X-Forwarded-Prefix", "/a/../b c"),
        ("X-Forwarded-Prefix", "/"),
    ],
)
async def test_what_is_no_host_or_prefix_is_left_out(name: str, value: str) -> None:
    told = await seen(PROXY, {name: value})

    assert (told["url"], told["root"]) == ("http://inside:3000/seen", "")


async def test_a_proxy_may_leave_the_prefix_or_cut_it_off() -> None:
    for path in ("/seen", "/clips/seen"):
        told = await seen("203.0.113.5", {}, path=path, root_path="/clips")
        assert (told["url"], told["root"]) == ("http://inside:3000/clips/seen", "/clips")
    assert (await seen("203.0.113.5", {}, path="/clips", root_path="/clips")) == {"status": 308, "location": "/clips/"}
    assert (await seen("203.0.113.5", {}, path="/clipsen", root_path="/clips"))["status"] == 404
