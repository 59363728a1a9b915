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
        ("POST", "/api/jobs", b"", 400, "BODY_INVALID", "The body is empty"),
        (
            "POST",
            "/api/jobs",
            b'{"userInfo": ' + b"[" * 3_000 + b"]" * 3_000 + b"}",
            400,
            "BODY_INVALID",
            "nested too deeply",
        ),
        ("POST", "/api/jobs", b"[]", 422, "FIELD_INVALID", "object"),
        ("POST", "/api/jobs", b"{}", 422, "FIELD_INVALID", "url is missing"),
        ("POST", "/api/jobs", b'{"url": 7}', 422, "FIELD_INVALID", "url"),
        (
            "POST",
            "/api/jobs",
            b'{"url": "https://a.test/1", "url": "https://a.test/2"}',
            422,
            "FIELD_INVALID",
            "url is given twice.",
        ),
        ("POST", "/api/jobs", b'{"url": 7, "url": "https://a.test"}', 422, "FIELD_INVALID", "url is given twice."),
        (
            "POST",
            "/api/auth/token",
            b'{"pairingCode": "AAAA-AAAA", "pairingCode": "BBBB-BBBB"}',
            422,
            "FIELD_INVALID",
            "pairingCode is given twice.",
        ),
        ("POST", "/api/jobs", b'{"url": "no address"}', 422, "FIELD_INVALID", "no address"),
        ("POST", "/api/jobs", b'{"url": "file:///etc/passwd"}', 422, "FIELD_INVALID", "file:///etc/passwd"),
        (
            "POST",
            "/api/jobs",
            b'{"url": "https://a.test", "priority": 11}',
            422,
            "FIELD_INVALID",
            "priority must be -10 to 10, not 11.",
        ),
        (
            "POST",
            "/api/jobs",
            b'{"url": "https://a.test", "kind": "text"}',
            422,
            "FIELD_INVALID",
            "kind must be audio or video, not 'text'.",
        ),
        ("POST", "/api/jobs", b'{"url": "https://a.test", "threadId": 4294967296}', 422, "FIELD_INVALID", "threadId"),
        (
            "POST",
            "/api/jobs",
            b'{"url": "https://a.test", "userAgent": "a\\nb"}',
            422,
            "FIELD_INVALID",
            "userAgent must not hold control characters",
        ),
        (
            "POST",
            "/api/jobs",
            b'{"url": "https://a.test", "maxDurationS": 1e-12}',
            422,
            "FIELD_INVALID",
            "maxDurationS must be longer than 0 seconds",
        ),
        (
            "POST",
            "/api/jobs",
            json.dumps({"url": "https://a.test/" + "a" * 2048}).encode(),
            422,
            "FIELD_INVALID",
            "url must have at most 2048 characters, not 2063.",
        ),
        (
            "POST",
            "/api/jobs",
            b"x" * 70_000,
            413,
            "BODY_TOO_LARGE",
            "The body has 70000 bytes; at most 65536 are accepted.",
        ),
        ("GET", "/api/jobs?state=lost", None, 422, "FIELD_INVALID", "lost"),
        ("GET", "/api/jobs?state=", None, 422, "FIELD_INVALID", "must be of queued, processing"),
        ("GET", "/api/jobs?limit=1&limit=2", None, 422, "FIELD_INVALID", "limit must be given once, not 2 times."),
        (
            "GET",
            "/api/jobs?stat=failed",
            None,
            400,
            "PARAMETER_UNKNOWN",
            "There is no parameter 'stat': GET /api/jobs takes state, owner, limit, cursor.",
        ),
        ("POST", "/api/jobs?dry=1", b"{}", 400, "PARAMETER_UNKNOWN", "POST /api/jobs takes none"),
        ("GET", "/api/queue/stats?x", None, 400, "PARAMETER_UNKNOWN", "'x': GET /api/queue/stats takes none"),
        ("GET", "/api/jobs?limit=-1", None, 422, "FIELD_INVALID", "-1"),
        (
            "GET",
            "/api/jobs?cursor=nonsense",
            None,
            422,
            "FIELD_INVALID",
            "cursor must be the nextCursor of a page (got 'nonsense').",
        ),
        ("GET", "/api/jobs/1", None, 404, "JOB_NOT_FOUND", "1"),
        (
            "GET",
            "/api/jobs/01a210fc-f00b-71d2-8491-18f6559fe65c",
            None,
            404,
            "JOB_NOT_FOUND",
            "There is no job 01a210fc-f00b-71d2-8491-18f6559fe65c.",
        ),
        ("DELETE", "/api/jobs/01a210fc-f00b-71d2-8491-18f6559fe65c", None, 404, "JOB_NOT_FOUND", "job"),
        ("PUT", "/api/jobs", b"{}", 405, "METHOD_NOT_ALLOWED", "takes GET or POST, not PUT"),
        ("GET", "/api/auth/refresh", None, 405, "METHOD_NOT_ALLOWED", "takes POST, not GET"),
        ("DELETE", "/api/auth/keys/none", None, 404, "KEY_NOT_FOUND", "'none'"),
        ("DELETE", "/api/auth/sessions/none", None, 404, "SESSION_NOT_FOUND", "'none'"),
        ("DELETE", "/api/auth/pair/none", None, 404, "CODE_NOT_FOUND", "'none'"),
        ("GET", "/api/admin/users/none", None, 404, "USER_NOT_FOUND", "'none'"),
        ("GET", "/api/nothing", None, 404, "ROUTE_NOT_FOUND", "/api/nothing"),
        ("POST", "/api/auth/token", b"{", 400, "BODY_INVALID", "JSON"),
        (
            "POST",
            "/api/auth/token",
            b'{"apiKey": 1}',
            422,
            "FIELD_INVALID",
            "apiKey must be text of 1 to 512 characters, not 1.",
        ),
        *(
            (
                "POST",
                "/api/auth/token",
                body,
                422,
                "FIELD_INVALID",
                "body must hold apiKey or pairingCode; it holds neither.",
            )
            for body in (b"{}", b'{"pairingCode": null}')
        ),
        (
            "POST",
            "/api/auth/token",
            b'{"apiKey": "a", "pairingCode": "b"}',
            422,
            "FIELD_INVALID",
            "body must hold apiKey or pairingCode, not both.",
        ),
        (
            "POST",
            "/api/admin/users",
            b'{"user": "ann", "role": "god"}',
            422,
            "FIELD_INVALID",
            "role must be admin or user, not 'god'.",
        ),
        ("POST", "/api/probe", b'{"url": "https://a.test"}', 503, "NO_PROCESSOR", "processor"),
    ],
)
async def test_bad_requests_get_a_problem(  # noqa: PLR0917 - a row of the table
    admin: GatewayClient, method: str, path: str, body: bytes | None, status: int, code: str, said: str
) -> None:
    response = await admin.request(method, path, content=body)

    assert said in assert_problem(response, status, code)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/jobs", {"GET", "POST"}),
        ("HEAD", "/api/probe", {"POST"}),
        ("PATCH", "/api/jobs/01a210fc-f00b-71d2-8491-18f6559fe65c", {"GET", "DELETE"}),
        ("GET", "/api/probe", {"POST"}),
    ],
)
async def test_a_wrong_method_is_told_all_that_are_right(
    admin: GatewayClient, method: str, path: str, allowed: set[str]
) -> None:
    response = await admin.request(method, path)

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/api/jobs", "/api/auth/refresh"])
async def test_a_body_is_read_that_names_its_type_or_none(admin: GatewayClient, path: str) -> None:
    """What says that it is something else is not looked at: `curl -d` needs a header."""
    unnamed = await admin.request("POST", path, content=b"{}")

    assert "is missing" in assert_problem(unnamed, 422, "FIELD_INVALID")["detail"]
    for named in ("text/plain", "application/x-www-form-urlencoded"):
        other = await admin.request("POST", path, content=b"{}", headers={"Content-Type": named})
        assert repr(named) in assert_problem(other, 415, "MEDIA_TYPE_UNSUPPORTED")["detail"]
