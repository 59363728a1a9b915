"""Guessing: wrong keys and tokens count against the address, whichever way they come; good ones are not touched."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from structlog.testing import capture_logs

from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient, assert_problem, gateway_at_hand

TOLD: dict[str, Any] = {"sign_ins_per_min": 5}
GUESSES = ("cf_guess-one", "guess.of.three", "guess")


def behind(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def guess(client: GatewayClient, shown: str, address: str) -> httpx.Response:
    return await client.http.get("/api/jobs", headers={"Authorization": f"Bearer {shown}", **behind(address)})


async def test_wrong_credentials_in_requests_are_limited_like_sign_ins(tmp_path: Path) -> None:
    """They are written down without what was shown; another address and whoever was seen before go on."""
    here = behind("203.0.113.1")
    async with gateway_at_hand(tmp_path, trusted_proxies="127.0.0.0/8", **TOLD) as admin:
        await admin.request("GET", "/api/auth/sessions", headers=here)
        with capture_logs() as lines:
            wrong = [await guess(admin, GUESSES[number % 3] + str(number), "203.0.113.1") for number in range(5)]
        refused = await guess(admin, ADMIN_KEY, "203.0.113.1")
        seen = await admin.request("GET", "/api/auth/sessions", headers=here)
        signing_in = await admin.http.post("/api/auth/token", json={"apiKey": ADMIN_KEY}, headers=here)
        elsewhere = await guess(admin, "cf_guess", "203.0.113.2")

    for answer in (*wrong, elsewhere):
        assert_problem(answer, 401, "UNAUTHENTICATED")
    told = assert_problem(refused, 429, "TOO_MANY_REQUESTS")
    assert "The address 203.0.113.1 may do this 5 times" in told["detail"]
    assert int(refused.headers["retry-after"]) <= 12
    assert seen.status_code == 200
    assert_problem(signing_in, 429, "TOO_MANY_REQUESTS")
    noted = [line for line in lines if line["action"] == "sign_in_refused"]
    assert [(line["way"], line["address"]) for line in noted] == [("bearer", "203.0.113.1")] * 5
    assert "guess" not in str(noted)


async def test_words_in_place_of_an_address_are_not_many_clients(tmp_path: Path) -> None:
    """Behind a proxy that passes on what it is sent, a new word with each guess is no new client."""
    async with gateway_at_hand(tmp_path, trusted_proxies="127.0.0.0/8", **TOLD) as admin:
        wrong = [await guess(admin, f"cf_guess{number}", f"x{number}") for number in range(6)]

    assert [answer.status_code for answer in wrong] == [401] * 5 + [429]


async def test_a_refused_sign_in_is_written_down_with_the_clients_address(tmp_path: Path) -> None:
    """The client's as the proxy tells it, so that somebody can be shut out; not the proxy's own."""
    async with gateway_at_hand(tmp_path, trusted_proxies="127.0.0.0/8", **TOLD) as admin:
        with capture_logs() as lines:
            for way in ("apiKey", "pairingCode"):
                await admin.http.post("/api/auth/token", json={way: "cf_guess"}, headers=behind("203.0.113.1"))

    noted = [line for line in lines if line["action"] == "sign_in_refused"]
    ways = [(line["way"], line["address"]) for line in noted]
    assert ways == [("api_key", "203.0.113.1"), ("pairing_code", "203.0.113.1")]
    assert "guess" not in str(noted)


async def test_hellos_are_guesses_too(tmp_path: Path) -> None:
    """From then on all who were not seen before are told to wait: 4029, and not 4401."""
    async with gateway_at_hand(tmp_path, **TOLD) as admin:
        codes = []
        for number in range(6):
            async with admin.socket(hello=False) as socket:
                await socket.say(type="hello", token=f"cf_guess-{number}", protocol=1)
                codes.append(await socket.closed())

    assert codes == [4401] * 5 + [4029]


async def test_handshakes_count_as_requests_of_an_address(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path, address_requests_per_min=1, address_requests_burst=3) as admin:
        async with admin.socket(), admin.socket():
            pass
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with admin.socket():
                pass

    assert refused.value.response.status_code == 429
    assert int(refused.value.response.headers["Retry-After"]) > 30


async def test_the_operators_own_key_is_shown_as_it_is(tmp_path: Path) -> None:
    """As any other key, without a sign-in."""
    async with gateway_at_hand(tmp_path) as admin:
        found = await GatewayClient(admin.http, admin.port, ADMIN_KEY).get("/api/auth/sessions")
        wrong = await GatewayClient(admin.http, admin.port, f"{ADMIN_KEY}x").request("GET", "/api/auth/sessions")

    assert [each["user"] for each in found["sessions"]] == ["admin"]
    assert_problem(wrong, 401, "UNAUTHENTICATED")
