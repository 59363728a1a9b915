"""What clients of HTTP count on: repeats, caching, other origins, names of requests, proxies, and clear ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gateway.backends import QueueBackend
from services.queue.service import queue_service
from tests.fakes.eventually import eventually
from tests.fakes.freezing_proxy import FreezingProxy, freezing_proxy
from tests.fakes.gateway_client import GatewayClient, assert_problem, gateway_at_hand
from tests.fakes.queue_client import settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "https://pages.example"
EXTENSION = "chrome-extension://" + "abcdefghijklmnop" * 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    folder = tmp_path_factory.mktemp("gateway")
    async with (
        queue_service(settings_for(folder)) as port,
        gateway_at_hand(
            folder,
            port,
            allowed_origins=f"{PAGE}, https://other.example",
            extension_ids=EXTENSION.partition("://")[2],
            trusted_proxies="127.0.0.1",
            submits_per_min=0,
        ) as client,
    ):
        yield client


async def submit(client: GatewayClient, url: str, key: str) -> httpx.Response:
    return await client.request("POST", "/api/jobs", json={"url": url}, headers={"Idempotency-Key": key})


async def test_of_many_repeats_at_once_one_makes_the_job(admin: GatewayClient) -> None:
    answers = await asyncio.gather(*(submit(admin, "https://video.test/at-once", '"at-once"') for _ in range(8)))

    made = [answer for answer in answers if answer.status_code == 202]
    assert len({answer.json()["id"] for answer in made}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in made) == 1
    again = await submit(admin, "https://video.test/at-once", "at-once")
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (made[0].json()["id"], "true")


async def test_only_a_repeat_of_a_key_is_a_replay_and_a_job_that_is_under_way_is_a_duplicate(
    admin: GatewayClient,
) -> None:
    """Two different keys, and one after none, find the job by its content."""
    url = "https://video.test/twice"
    first, other = await submit(admin, url, "first"), await submit(admin, url, "other")
    again, other_again = await submit(admin, url, "first"), await submit(admin, url, "other")
    plain = await admin.request("POST", "/api/jobs", json={"url": url})
    fresh = await admin.request("POST", "/api/jobs", json={"url": f"{url}/fresh"})
    keyed = await submit(admin, f"{url}/fresh", "late")

    def said(answer: httpx.Response) -> tuple[bool, bool]:
        return answer.headers.get("idempotency-replayed") == "true", answer.json()["duplicate"]

    assert len({answer.json()["id"] for answer in (first, other, again, other_again, plain)}) == 1
    assert [said(answer) for answer in (first, other, plain, fresh, keyed)] == [
        (False, False),
        (False, True),
        (False, True),
        (False, False),
        (False, True),
    ]
    assert [said(answer) for answer in (again, other_again)] == [(True, False), (True, False)]


@pytest.mark.parametrize("key", ["", '""', '"', 'a"b', "a\tb", "x" * 65])
async def test_a_key_that_cannot_be_kept_is_refused(admin: GatewayClient, key: str) -> None:
    refused = await submit(admin, "https://video.test/key", key)

    assert "1 to 64 printable ASCII characters" in assert_problem(refused, 400, "IDEMPOTENCY_KEY_INVALID")["detail"]


async def test_what_has_not_changed_is_not_sent_again(admin: GatewayClient) -> None:
    job = await admin.submit("https://video.test/etag")
    for path in (job["links"]["self"], "/api/jobs", "/api/jobs?state=queued"):
        first = await admin.request("GET", path)
        tag = first.headers["etag"]
        for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            same = await admin.request("GET", path, headers={"If-None-Match": known})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert first.headers["cache-control"] == same.headers["cache-control"] == "private, no-cache"
        assert "Authorization" in first.headers["vary"]
        assert (await admin.request("GET", path, headers={"If-None-Match": '"other"'})).json() == first.json()

    seen = {path: (await admin.request("GET", path)).headers["etag"] for path in (job["links"]["self"], "/api/jobs")}
    await admin.request("DELETE", job["links"]["self"])
    for path, tag in seen.items():
        changed = await admin.request("GET", path, headers={"If-None-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag


async def test_an_admin_lists_one_owners_jobs_and_a_user_only_their_own(admin: GatewayClient) -> None:
    ann = await admin.invite("ann")
    job = await ann.submit("https://video.test/of-ann")

    assert [each["id"] for each in (await admin.get("/api/jobs?owner=ann"))["jobs"]] == [job["id"]]
    assert (await admin.get("/api/jobs?owner=nobody"))["jobs"] == []
    assert [each["id"] for each in (await ann.get("/api/jobs?owner=ann"))["jobs"]] == [job["id"]]
    assert_problem(await ann.request("GET", "/api/jobs?owner=admin"), 403, "PERMISSION_DENIED")
    assert_problem(await ann.request("GET", "/api/jobs?owner="), 422, "FIELD_INVALID")


@pytest.mark.parametrize("origin", [PAGE, EXTENSION])
async def test_a_named_origin_may_ask_and_read_all_that_it_needs(admin: GatewayClient, origin: str) -> None:
    """Also from a page of the internet to an address at home, and also when the answer is an error."""
    preflight = await admin.http.options(
        "/api/jobs",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, if-none-match",
            "Access-Control-Request-Private-Network": "true",
        },
    )
    refused = await admin.http.post("/api/jobs", headers={"Origin": origin}, content=b"x" * 70_000)

    assert preflight.status_code == 200, preflight.text
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-credentials" not in preflight.headers
    assert_problem(refused, 413, "BODY_TOO_LARGE")
    assert refused.headers["access-control-allow-origin"] == origin
    exposed = refused.headers["access-control-expose-headers"]
    assert {"ETag", "Location", "RateLimit", "Retry-After", "Idempotency-Replayed"} <= set(exposed.split(", "))


@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", f"{PAGE}.evil.example", PAGE.upper(), f"{PAGE}:8443", "chrome-extension://abc"],
)
async def test_no_other_origin_may(admin: GatewayClient, origin: str) -> None:
    preflight = await admin.http.options(
        "/api/jobs", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    read = await admin.request("GET", "/api/jobs", headers={"Origin": origin})
    of_program = await admin.request("GET", "/api/jobs")

    assert_problem(preflight, 403, "PERMISSION_DENIED")
    for answer in (preflight, read):
        assert "access-control-allow-origin" not in answer.headers
        assert "Origin" in answer.headers["vary"]
    assert of_program.headers["vary"] == "Authorization, Origin"


async def test_a_request_keeps_its_name(admin: GatewayClient) -> None:
    """A client's own if it is short and plain; else ours; in the answer and in the problem."""
    kept = await admin.http.get("/api/nothing", headers={"X-Request-Id": "of-a.proxy_1"})
    odd = await admin.http.get("/api/nothing", headers={"X-Request-Id": 'a"\\b{}'})
    none = await admin.http.get("/api/nothing")

    assert assert_problem(kept, 404, "ROUTE_NOT_FOUND")["requestId"] == kept.headers["x-request-id"] == "of-a.proxy_1"
    for answer in (odd, none):
        assert answer.json()["requestId"] == answer.headers["x-request-id"]
        assert len(answer.headers["x-request-id"]) == 32
    assert odd.headers["x-request-id"] != none.headers["x-request-id"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Type": "multipart/form-data; boundary=x"}, "application/json, not 'multipart/form-data'"),
        ({"Content-Type": "application/xml"}, "application/json, not 'application/xml'"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "Content-Encoding is 'gzip'"),
    ],
)
async def test_what_is_no_json_by_its_own_word_is_refused(
    admin: GatewayClient, headers: dict[str, str], said: str
) -> None:
    refused = await admin.request("POST", "/api/jobs", content=b'{"url": "https://video.test/1"}', headers=headers)

    assert said in assert_problem(refused, 415, "MEDIA_TYPE_UNSUPPORTED")["detail"]


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"]
)
async def test_json_may_be_called_what_programs_call_it(admin: GatewayClient, media_type: str) -> None:
    body = json.dumps({"url": "https://video.test/called"}).encode()
    answer = await admin.request("POST", "/api/jobs", content=body, headers={"Content-Type": media_type})

    assert answer.status_code == 202


async def test_below_a_path_of_a_proxy_every_address_leads_back(admin: GatewayClient) -> None:
    """Links, Location, the document's server, pages and /ws; the page's own origin is that of the proxy."""
    proxied = {
        "X-Forwarded-Host": "clips.example.org",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/clips",
        "X-Forwarded-For": "203.0.113.9",
    }
    made = await admin.request("POST", "/api/jobs", json={"url": "https://video.test/below"}, headers=proxied)

    path = f"/clips/api/jobs/{made.json()['id']}"
    assert made.headers["location"] == made.json()["links"]["self"] == path
    for seen in (path, path.removeprefix("/clips")):  # a proxy leaves its prefix or cuts it off
        assert (await admin.request("GET", seen, headers=proxied)).json()["links"]["self"] == path
    listed = await admin.request("GET", "/api/jobs", headers=proxied)
    assert listed.json()["jobs"][0]["links"]["self"] == path
    document = await admin.http.get("/openapi.json", headers=proxied)
    assert document.json()["servers"] == [{"url": "/clips"}]
    page = await admin.http.get("/clips/", headers=proxied)
    assert 'src="web/app.js"' in page.text
    assert (await admin.http.get("/clips", headers=proxied)).headers["location"] == "/clips/"
    missing = await admin.http.get("/clips/api/nothing", headers=proxied)
    assert missing.json()["instance"] == "/clips/api/nothing"
    async with admin.socket("jobs", additional_headers=proxied, origin="https://clips.example.org") as socket:
        await socket.say(type="ping")
        await socket.hear("pong")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET / HTTP/9.9\r\n\r\n", 400, "REQUEST_UNREADABLE"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "REQUEST_UNREADABLE"),
        (b"POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400, "REQUEST_UNREADABLE"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, "HEAD_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431, "HEAD_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaaaaaaaaa\r\n" * 5_000, 431, "HEAD_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 500_000, 431, "HEAD_TOO_LARGE"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
async def test_what_cannot_be_read_is_a_problem_as_well(
    admin: GatewayClient, sent: bytes, status: int, code: str
) -> None:
    """Endless lines included, before they fill the memory; the next request has nothing of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
    writer.write(sent)
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        told = json.loads(await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0])))
    writer.close()

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/problem+json" in head.lower()
    assert (told["status"], told["code"], len(told["requestId"])) == (status, code, 32)
    assert "a" * 30 not in told["detail"]
    ours = await admin.http.get("/health")
    assert ours.headers["x-request-id"] != told["requestId"]


async def test_a_fault_of_ours_tells_nothing_of_itself(
    admin: GatewayClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the cause, not a line of a trace; the name of the request leads to the log."""

    async def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("a-secret-of-ours")

    monkeypatch.setattr(QueueBackend, "get_job", broken)
    answer = await admin.request(
        "GET", "/api/jobs/01a210fc-f00b-71d2-8491-18f6559fe65c", headers={"Origin": PAGE, "X-Request-Id": "it-broke"}
    )

    told = assert_problem(answer, 500, "INTERNAL")
    assert "secret" not in answer.text
    assert told["requestId"] == answer.headers["x-request-id"] == "it-broke"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "it-broke" in capsys.readouterr().out


async def test_a_client_that_hangs_up_in_mid_body_is_no_fault_of_ours(
    admin: GatewayClient, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", admin.port)
    head = f"POST /api/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin.token}\r\nContent-Length: 100\r\n\r\n{{"
    writer.write(head.encode())
    await writer.drain()
    writer.transport.abort()
    await admin.get("/api/jobs")

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_while_the_queue_hangs_nobody_waits_for_long(tmp_path: Path) -> None:
    """Health says so sooner than a read gives up; a repeat of a submit under way waits, then hears of its job."""
    async with (
        queue_service(settings_for(tmp_path)) as port,
        freezing_proxy(f"127.0.0.1:{port}", let_through=[]) as proxy,
        gateway_at_hand(tmp_path, proxy.port) as admin,
    ):
        proxy.freeze()
        first = asyncio.create_task(submit(admin, "https://video.test/slow", "slow"))
        await eventually(lambda: _is_held(proxy), what="the submit is held")
        refused = await submit(admin, "https://video.test/slow", '"slow"')
        reading = asyncio.create_task(admin.request("GET", "/api/queue/stats"))
        answer = await admin.http.get("/health")
        is_soon = not reading.done()
        proxy.thaw()
        await reading
        made = await first
        again = await submit(admin, "https://video.test/slow", '"slow"')

    assert_problem(refused, 409, "REQUEST_IN_FLIGHT")
    assert refused.headers["retry-after"] == "1"
    assert (made.status_code, again.json()["id"]) == (202, made.json()["id"])
    assert is_soon
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["services"]["queue"]["status"] == "unreachable"


async def _is_held(proxy: FreezingProxy) -> bool:
    return proxy.held_count > 0
