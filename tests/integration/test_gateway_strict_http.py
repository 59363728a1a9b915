"""Requests that two readers could read in two ways are refused, and what HTTP says of methods and paths holds."""

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
