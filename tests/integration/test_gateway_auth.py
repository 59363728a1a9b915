"""The gateway's door: keys, codes, tokens, and those who should stay outside."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from cli.run_state import only_run, published
from gateway.config import GatewaySettings
from gateway.rotation import RotationSettings, rotate
from services.chassis.lifecycle import StartError
from services.chassis.settings import load
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import ADMIN_KEY, GatewayClient, gateway_at_hand

FIRST_VERSION = Path(__file__).parent.parent / "contract/data/gateway_sqlite_1.sql"
KEY = "signing-key-of-the-test-0123456789abcdef"


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[GatewayClient]:
    async with gateway_at_hand(tmp_path, jwt_signing_key=KEY) as client:
        yield client


async def status_of(admin: GatewayClient, authorization: str | None) -> tuple[int, str]:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await admin.http.post("/api/jobs", json={}, headers=headers)
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Bearer ")
        assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_a_token_ends_on_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with gateway_at_hand(tmp_path, clock=clock, access_token_ttl_s=60) as admin:
        assert await status_of(admin, f"Bearer {admin.token}") == (422, "FIELD_INVALID")
        clock.advance(61)
        assert await status_of(admin, f"Bearer {admin.token}") == (401, "TOKEN_EXPIRED")


async def test_a_pairing_code_works_once_and_in_any_spelling(admin: GatewayClient) -> None:
    made = (await admin.request("POST", "/api/auth/pair")).json()
    code = made["pairingCode"]
    assert made["link"] == f"/#pair={code}"

    assert (await admin.sign_in(pairingCode=code.lower().replace("-", " "))).token
    again = await admin.http.post("/api/auth/token", json={"pairingCode": code})
    assert (again.status_code, again.json()["code"]) == (401, "UNAUTHENTICATED")


async def test_a_pairing_code_ends_on_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with gateway_at_hand(tmp_path, clock=clock, pairing_code_ttl_s=60) as admin:
        code = (await admin.request("POST", "/api/auth/pair")).json()["pairingCode"]
        clock.advance(61)
        late = await admin.http.post("/api/auth/token", json={"pairingCode": code})

    assert late.status_code == 401


async def refreshed(admin: GatewayClient, token: str) -> Any:
    response = await admin.http.post("/api/auth/refresh", json={"refreshToken": token})
    return response.json()["refreshToken"] if response.status_code == 200 else response.status_code


async def test_the_previous_refresh_token_is_good_until_the_new_one_is_used(admin: GatewayClient) -> None:
    """A client that died before it stored the answer comes back with the token it has."""
    first = admin.refresh_token
    assert await refreshed(admin, first) != 401
    second = await refreshed(admin, first)
    third = await refreshed(admin, second)

    assert 401 not in (second, third)
    assert await refreshed(admin, third) != 401


async def test_an_old_refresh_token_ends_the_whole_session(admin: GatewayClient) -> None:
    """Two generations old: somebody has a copy. New tokens, old tokens and live connections all end."""
    first = admin.refresh_token
    second = await refreshed(admin, first)
    third = await refreshed(admin, second)

    async with admin.socket() as socket:
        assert await refreshed(admin, first) == 401
        assert await socket.closed() == 4403
    assert await refreshed(admin, third) == 401
    assert await status_of(admin, f"Bearer {admin.token}") == (401, "UNAUTHENTICATED")


async def test_signing_out_ends_the_session_and_stays_so(tmp_path: Path) -> None:
    """Also after a restart, and for that session only."""
    async with gateway_at_hand(tmp_path) as admin:
        other = await admin.sign_in(apiKey=ADMIN_KEY)
        assert (await admin.request("POST", "/api/auth/logout")).status_code == 204
        assert await status_of(admin, f"Bearer {admin.token}") == (401, "UNAUTHENTICATED")
    async with gateway_at_hand(tmp_path) as again:
        assert await status_of(again, f"Bearer {admin.token}") == (401, "UNAUTHENTICATED")
        assert await status_of(again, f"Bearer {other.token}") == (422, "FIELD_INVALID")


async def test_api_keys_can_be_given_and_taken_back(admin: GatewayClient) -> None:
    await admin.add_user("ann")
    given = (await admin.request("POST", "/api/auth/keys", json={"user": "ann", "label": "script"})).json()
    ann = await admin.sign_in(apiKey=given["apiKey"])

    assert (await admin.request("DELETE", f"/api/auth/keys/{given['id']}")).status_code == 204
    assert await status_of(admin, f"Bearer {ann.token}") == (401, "UNAUTHENTICATED")
    assert (await admin.http.post("/api/auth/token", json={"apiKey": given["apiKey"]})).status_code == 401


async def test_a_new_bootstrap_key_replaces_the_old(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path):
        pass
    with pytest.raises(AssertionError, match="The API key is not valid"):
        async with gateway_at_hand(tmp_path, admin_api_key="another-admin-key-9876543210"):
            pytest.fail("the old key still works")


async def test_the_previous_signing_key_still_verifies(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path, jwt_signing_key=KEY) as admin:
        token = admin.token
    async with gateway_at_hand(tmp_path, jwt_signing_key=KEY[::-1], jwt_previous_signing_key=KEY) as again:
        assert await status_of(again, f"Bearer {token}") == (422, "FIELD_INVALID")
        assert jwt.get_unverified_header(again.token)["kid"] != jwt.get_unverified_header(token)["kid"]


async def test_the_signing_key_of_a_file_is_changed_while_its_gateway_runs(tmp_path: Path) -> None:
    """By another process that writes one row. Tokens of the old key stay good, also after a restart."""
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    async with gateway_at_hand(tmp_path, store_poll_s=0.05) as admin:
        new = await rotate(GatewaySettings(gateway_database_url=SecretStr(url)))

        async def signs_with_it() -> bool:
            token = (await admin.sign_in(apiKey=ADMIN_KEY)).token
            return bool(jwt.get_unverified_header(token)["kid"] == new)

        await eventually(signs_with_it, what="the gateway signs with the new key")
        assert jwt.get_unverified_header(admin.token)["kid"] != new
        assert await status_of(admin, f"Bearer {admin.token}") == (422, "FIELD_INVALID")
    async with gateway_at_hand(tmp_path) as again:
        assert jwt.get_unverified_header(again.token)["kid"] == new
        assert await status_of(again, f"Bearer {admin.token}") == (422, "FIELD_INVALID")


async def test_a_signing_key_of_the_environment_is_changed_there(tmp_path: Path) -> None:
    url, key = SecretStr(f"sqlite:///{tmp_path / 'gateway.db'}"), SecretStr(KEY)
    with pytest.raises(StartError, match="JWT_PREVIOUS_SIGNING_KEY"):
        await rotate(GatewaySettings(gateway_database_url=url, jwt_signing_key=key))


async def test_keys_are_changed_in_the_store_of_what_runs_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VAR_DIR leads to it, by what a run has written down there; where nothing runs, nothing is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_DATABASE_URL", raising=False)
    monkeypatch.setenv("VAR_DIR", "elsewhere")
    with pytest.raises(StartError, match=r"no store of a gateway at sqlite:///elsewhere/gateway\.db"):
        await rotate(load(RotationSettings))
    assert list(tmp_path.iterdir()) == []

    store = tmp_path / "kept" / "gateway.db"
    store.parent.mkdir()
    run_dir = tmp_path / "elsewhere" / "run"
    state = {"gateway_url": "http://x", "gateway_store": "sqlite:///kept/gateway.db", "api_key": "", "services": {}}
    async with gateway_at_hand(store.parent, store_poll_s=0.05) as admin:
        with only_run(run_dir), published(run_dir, **state):  # type: ignore[arg-type]
            found = load(RotationSettings)
            assert found.store_url == f"sqlite:///{store}"
            new = await rotate(found)

        async def signs_with_it() -> bool:
            token = (await admin.sign_in(apiKey=ADMIN_KEY)).token
            return bool(jwt.get_unverified_header(token)["kid"] == new)

        await eventually(signs_with_it, what="the gateway signs with the new key")


async def test_keys_are_not_changed_where_no_gateway_signs_with_them(tmp_path: Path) -> None:
    """It has one of its environment, which this command does not see."""
    async with gateway_at_hand(tmp_path, jwt_signing_key=KEY):
        with pytest.raises(StartError, match="is JWT_SIGNING_KEY set for it"):
            await rotate(GatewaySettings(gateway_database_url=SecretStr(f"sqlite:///{tmp_path / 'gateway.db'}")))


@pytest.mark.parametrize("token", ["session-1.refresh-1", "session-1.refresh-2"])
async def test_who_was_signed_in_before_an_update_still_is(tmp_path: Path, token: str) -> None:
    """On a file of the first version: keys, codes, refresh tokens of either generation. What had ended has ended."""
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        connection.executescript(FIRST_VERSION.read_text())
    async with gateway_at_hand(tmp_path) as admin:
        assert await refreshed(admin, await refreshed(admin, token)) != 401
        assert await refreshed(admin, "session-2.refresh-3") == 401
        assert (await admin.sign_in(apiKey="cf_key-of-ann")).token
        assert (await admin.sign_in(pairingCode="01234-56789")).token


async def test_secrets_are_stored_as_hashes_only(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path) as admin:
        code = (await admin.request("POST", "/api/auth/pair")).json()["pairingCode"].replace("-", "")
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("gateway.db*"))

    for secret in (ADMIN_KEY, code, admin.refresh_token.partition(".")[2]):
        assert secret.encode() not in kept
