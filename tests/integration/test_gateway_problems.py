"""Bad requests, each answered with a problem that names what is wrong."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.queue.service import queue_service
from tests.fakes.gateway_client import GatewayClient, assert_problem, gateway_at_hand
from tests.fakes.queue_client import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    folder = tmp_path_factory.mktemp("gateway")
    async with queue_service(settings_for(folder)) as port, gateway_at_hand(folder, port) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "said"),
    [
        ("POST", "/api/jobs", b"{", 400, "BODY_INVALID", "JSON"),
        ("POST", "/api/jobs", b"\xff", 400, "BODY_INVALID", "JSON"),
        ("POST", "/api/jobs", b"", 400, "BODY_INVALID", "JSON"),
        ("POST", "/api/jobs", b"[]", 422, "FIELD_INVALID", "object"),
        ("POST", "/api/jobs", b"{}", 422, "FIELD_INVALID", "url is missing"),
        ("POST", "/api/jobs", b'{"url": 7}', 422, "FIELD_INVALID", "url"),
        ("POST", "/api/jobs", b'{"url": "no address"}', 422, "FIELD_INVALID", "no address"),
        ("POST", "/api/jobs", b'{"url": "file:///etc/passwd"}', 422, "FIELD_INVALID", "file:///etc/passwd"),
        ("POST", "/api/jobs", b'{"url": "https://a.test", "priority": 11}', 422, "FIELD_INVALID", "priority"),
        ("POST", "/api/jobs", b'{"url": "https://a.test", "kind": "text"}', 422, "FIELD_INVALID", "kind"),
        (
            "POST",
            "/api/jobs",
            json.dumps({"url": "https://a.test/" + "a" * 2048}).encode(),
            422,
            "FIELD_INVALID",
            "2048",
        ),
        ("POST", "/api/jobs", b"x" * 70_000, 413, "BODY_TOO_LARGE", "65536"),
        ("GET", "/api/jobs?state=lost", None, 422, "FIELD_INVALID", "lost"),
        ("GET", "/api/jobs?limit=-1", None, 422, "FIELD_INVALID", "-1"),
        ("GET", "/api/jobs?cursor=nonsense", None, 422, "FIELD_INVALID", "nonsense"),
        ("GET", "/api/jobs/1", None, 404, "JOB_NOT_FOUND", "1"),
        ("GET", "/api/jobs/01a210fc-f00b-71d2-8491-18f6559fe65c", None, 404, "JOB_NOT_FOUND", "job"),
        ("DELETE", "/api/jobs/01a210fc-f00b-71d2-8491-18f6559fe65c", None, 404, "JOB_NOT_FOUND", "job"),
        ("PUT", "/api/jobs", b"{}", 405, "METHOD_NOT_ALLOWED", "PUT"),
        ("GET", "/api/nothing", None, 404, "ROUTE_NOT_FOUND", "/api/nothing"),
        ("POST", "/api/auth/token", b"{", 400, "BODY_INVALID", "JSON"),
        ("POST", "/api/auth/token", b'{"apiKey": 1}', 422, "FIELD_INVALID", "apiKey"),
        ("POST", "/api/probe", b'{"url": "https://a.test"}', 503, "NO_PROCESSOR", "processor"),
    ],
)
async def test_bad_requests_get_a_problem(  # noqa: PLR0917 - a row of the table
    admin: GatewayClient, method: str, path: str, body: bytes | None, status: int, code: str, said: str
) -> None:
    response = await admin.request(method, path, content=body)

    assert said in assert_problem(response, status, code)["detail"]
