"""Access tokens that somebody made up."""

import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio

from tests.fakes.gateway_client import GatewayClient, gateway_at_hand

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "signing-key-of-the-test-0123456789abcdef"
CLAIMS = {
    "iss": "clipferry",
    "aud": "clipferry-gateway",
    "sub": "admin",
    "sid": "session",
    "role": "admin",
    "jti": "1",
    "iat": int(time.time()),
    "exp": int(time.time()) + 600,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    async with gateway_at_hand(tmp_path_factory.mktemp("gateway"), jwt_signing_key=KEY) as client:
        yield client


def forged(
    admin: GatewayClient, *, key: str = KEY, algorithm: str = "HS256", typ: str = "at+jwt", **claims: Any
) -> str:
    """Return a token with the right key id, and what a test makes wrong."""
    kid = jwt.get_unverified_header(admin.token)["kid"]
    wanted = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(wanted, key, algorithm, headers={"typ": typ, "kid": kid})


async def status_of(admin: GatewayClient, authorization: str | None) -> tuple[int, str]:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await admin.http.post("/api/jobs", json={}, headers=headers)
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Bearer ")
        assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def test_the_forge_makes_good_tokens(admin: GatewayClient) -> None:
    """What the tests below change is all that is wrong with theirs."""
    assert await status_of(admin, f"Bearer {forged(admin)}") == (422, "FIELD_INVALID")


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "another-key-0123456789-0123456789-01"},
        {"typ": "JWT"},
        {"iss": "somebody"},
        {"aud": "something"},
        {"aud": ["clipferry-gateway", "something"]},
        {"role": "root"},
        {"exp": "soon"},
        {"sub": None},
        {"sid": None},
        {"exp": None},
        {"jti": None},
        {"role": None},
        {"algorithm": "HS384", "key": KEY + KEY},
        {"algorithm": "none", "key": ""},
    ],
    ids=str,
)
async def test_a_token_that_is_not_ours_is_refused(admin: GatewayClient, wrong: dict[str, Any]) -> None:
    assert await status_of(admin, f"Bearer {forged(admin, **wrong)}") == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer " + "a" * 3000])
async def test_no_token_is_refused(admin: GatewayClient, shown: str | None) -> None:
    assert await status_of(admin, shown) == (401, "UNAUTHENTICATED")
