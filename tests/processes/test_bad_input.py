"""Each bad input has its own reason, names what is wrong, leaves no memory behind, and the next job works."""

import httpx
import pytest

from sandbox.run.gateway import Gateway
from tests.processes.journey import ended_job, journey
from tests.processes.stack import SHORT, Stack


@pytest.mark.parametrize(
    "url",
    [
        "not a url",
        "https//example.org/watch",
        "ftp://example.org/video.mp4",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "about:blank",
        "http://",
        "",
        "http://example.org/" + "a" * 2048,
    ],
)
async def test_what_is_no_page_is_refused_at_once(stack: Stack, gateway: Gateway, url: str) -> None:
    """A URL that cannot be fetched is no job: problem+json names the field and the rule."""
    answer = await _post(stack, gateway.token, {"url": url})

    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["code"] == "FIELD_INVALID"
    assert problem["status"] == answer.status_code
    assert "url" in problem["detail"].lower()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/pages/no-video", "NO_VIDEO"),
        ("/gone", "GONE"),
        ("/huge.mp4", "VIDEO_TOO_LARGE"),
        ("/huge-chunked.mp4", "VIDEO_TOO_LARGE"),
        ("/media/live/index.m3u8", "LIVE"),
        ("/media/hls-broken/index.m3u8", "INCOMPLETE"),
    ],
)
async def test_a_page_that_cannot_be_delivered(stack: Stack, gateway: Gateway, path: str, reason: str) -> None:
    """The job fails with a reason and names the page, in REST and in ``job:finished``; the next job works."""
    sent_before = len(await stack.messages())
    job = await gateway.submit(stack.page(path))

    messages = await journey(gateway, job["id"])

    ended = await gateway.get(f"/api/jobs/{job['id']}")
    assert ended["status"] == "failed"
    assert ended["error"]["code"] == reason
    assert ended["error"]["message"].endswith(f"({stack.page(path)}).")
    assert ended["error"]["metadata"]["url"] == stack.page(path)
    assert ended["result"]["success"] is False
    assert messages[-1]["error"]["code"] == ended["error"]["code"]
    assert messages[-1]["error"]["message"] == ended["error"]["message"]
    assert len(await stack.messages()) == sent_before
    await stack.memory_is_free()
    assert (await ended_job(gateway, stack.page("/media/clip.mp4")))["status"] == "completed"


async def test_too_large_names_value_and_limit(stack: Stack, gateway: Gateway) -> None:
    read_before = (await stack.traffic("/huge.mp4"))["bytesSent"]

    ended = await ended_job(gateway, stack.page("/huge.mp4"))

    metadata = ended["error"]["metadata"]
    assert metadata["sizeBytes"] == 60_000_000
    assert 49_000_000 < metadata["limitBytes"] <= 50_000_000
    assert str(metadata["limitBytes"]) in ended["error"]["message"].replace(",", "")
    # Sockets buffer some megabytes of each request that nobody reads.
    assert (await stack.traffic("/huge.mp4"))["bytesSent"] - read_before < 40_000_000, "read although it said its size"


async def test_a_private_address_is_not_reached(stack: Stack, gateway: Gateway) -> None:
    """Also not the services' own ports; what answers there is never shown."""
    url = f"http://127.0.0.1:{stack.settings.bot_api_port}/sandbox/messages"

    ended = await ended_job(gateway, url)

    assert ended["status"] == "failed"
    assert ended["error"]["code"] == "EGRESS_DENIED"
    assert ended["error"]["metadata"] == {"url": url}


async def test_an_unknown_job(stack: Stack, gateway: Gateway) -> None:
    answer = await _call(stack, "GET", "/api/jobs/0192d7a0-0000-7000-8000-000000000000", gateway.token)

    assert answer.status_code == 404
    assert answer.json()["code"] == "JOB_NOT_FOUND"


@pytest.mark.parametrize("token", [None, "nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."])
async def test_a_wrong_token(stack: Stack, token: str | None) -> None:
    answer = await _post(stack, token, {"url": stack.page("/media/clip.mp4")})

    assert answer.status_code == 401
    challenge, detail = answer.headers["WWW-Authenticate"], answer.json()["detail"]
    assert challenge.startswith("Bearer")
    assert ("invalid_token" in challenge) == (token is not None)
    assert ("not valid" in detail, "no Authorization header" in detail) == (token is not None, token is None)
    assert answer.json()["code"] == "UNAUTHENTICATED"


async def test_a_full_queue(stack: Stack, gateway: Gateway) -> None:
    """Three jobs run and the queue's five places are taken: the next is refused with both numbers, until one leaves."""
    limit = int(SHORT["MAX_QUEUE_SIZE"])
    jobs = [await gateway.submit(stack.page(f"/gated/full/clip.mp4?{number}")) for number in range(3)]
    try:
        for job in jobs:
            await _until_running(gateway, job["id"])
        jobs += [await gateway.submit(stack.page(f"/gated/full/clip.mp4?{3 + number}")) for number in range(limit)]
        answer = await _post(stack, gateway.token, {"url": stack.page("/gated/full/clip.mp4?over")})
    finally:
        for job in jobs:
            await gateway.cancel(job["id"])
            await journey(gateway, job["id"])

    assert answer.status_code == 429, answer.text
    problem = answer.json()
    assert problem["code"] == "QUEUE_FULL"
    assert f"{limit} of {limit}" in problem["detail"]
    await stack.memory_is_free()
    assert (await ended_job(gateway, stack.page("/media/clip.mp4")))["status"] == "completed"


async def _until_running(gateway: Gateway, job_id: str) -> None:
    async with gateway.watch(f"job:{job_id}") as messages:
        async for message in messages:
            if (
                message["type"] == "job:progress"
                or message.get("snapshot", {}).get("job", {}).get("stage") != "waiting"
            ):
                return


async def _post(stack: Stack, token: str | None, body: object) -> httpx.Response:
    return await _call(stack, "POST", "/api/jobs", token, body)


async def _call(stack: Stack, method: str, path: str, token: str | None, body: object = None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stack.settings.gateway_url, timeout=15, trust_env=False) as http:
        return await http.request(method, path, headers=headers, json=body)
