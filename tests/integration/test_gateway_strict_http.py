"""Requests that two readers could read in two ways are refused, and what HTTP says of methods and paths holds."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.queue.service import queue_service
from tests.fakes.gateway_client import GatewayClient, assert_problem, gateway_at_hand
from tests.fakes.queue_client import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    folder = tmp_path_factory.mktemp("gateway")
    async with (
        queue_service(settings_for(folder)) as port,
        gateway_at_hand(folder, port, trusted_proxies="127.0.0.1") as client,
    ):
        yield client


async def test_a_header_that_may_be_there_once_is_refused_twice(admin: GatewayClient) -> None:
    good = ("Authorization", f"Bearer {admin.token}")
    twice = await admin.http.get("/api/jobs", headers=[good, ("Authorization", "Bearer other")])
    keys = [good, ("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    keyed = await admin.http.post("/api/jobs", json={"url": "https://video.test/1"}, headers=keys)

    assert "one Authorization header; this one has 2" in assert_problem(twice, 400, "REQUEST_UNREADABLE")["detail"]
    assert "one Idempotency-Key header" in assert_problem(keyed, 400, "IDEMPOTENCY_KEY_INVALID")["detail"]


@pytest.mark.parametrize("path", ["/api/jobs/", "/api/auth/sessions/", "/health/"])
async def test_a_path_with_a_slash_too_many_leads_nowhere(admin: GatewayClient, path: str) -> None:
    """And to no other host, whatever the request calls this one."""
    answer = await admin.request("GET", path, headers={"Host": "elsewhere.example"})

    assert "location" not in answer.headers
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/", "/health", "/api/jobs", "/api/auth/sessions", "/openapi.json"])
async def test_head_answers_as_get_without_the_body(admin: GatewayClient, path: str) -> None:
    got, head = await admin.request("GET", path), await admin.request("HEAD", path)

    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(("prefix", "shown"), [("/ferry", "/ferry"), ("/a/../b", "/"), ("/.", "/"), ("//evil", "/")])
async def test_a_prefix_is_a_plain_path(admin: GatewayClient, prefix: str, shown: str) -> None:
    answer = await admin.http.get("/openapi.json", headers={"X-Forwarded-Prefix": prefix})

    assert answer.json()["servers"] == [{"url": shown}]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_number_in_json_is_called_by_its_name(admin: GatewayClient, number: str) -> None:
    answer: httpx.Response = await admin.request(
        "POST", "/api/jobs", content=f'{{"url": "https://video.test/1", "priority": {number}}}'
    )

    assert f"{number} is not a number in JSON" in assert_problem(answer, 400, "BODY_INVALID")["detail"]


async def test_requests_that_come_in_one_piece_are_answered_in_their_order(admin: GatewayClient) -> None:
    """Also when the first is not read to its end before it is answered; then the connection waits for the next."""
    head = f"Host: x\r\nAuthorization: Bearer {admin.token}\r\n"
    first = f'POST /api/jobs HTTP/1.1\r\n{head}Content-Length: 39\r\n\r\n{{"url": "https://video.test/pipelined"}}'
    others = f"GET /api/jobs?limit=1 HTTP/1.1\r\n{head}\r\nHEAD /api/nothing HTTP/1.1\r\n{head}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
    writer.write((first + others).encode())
    async with asyncio.timeout(20):
        made, listed, missing = [await _answer(reader, has_body=has_body) for has_body in (True, True, False)]
        writer.write(f"GET /livez HTTP/1.1\r\n{head}\r\n".encode())
        alive, _ = await _answer(reader, has_body=False)
    writer.close()

    assert (made[0], listed[0], missing[0], alive) == (202, 200, 404, 204)
    assert json.loads(listed[1])["jobs"][0]["id"] == json.loads(made[1])["id"]


async def _answer(reader: asyncio.StreamReader, *, has_body: bool) -> tuple[int, bytes]:
    """Return the status and the body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]) if has_body else 0
    return int(head.split()[1]), await reader.readexactly(length)
