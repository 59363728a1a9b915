"""Access tokens that somebody made up or kept for too long, at every door."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.exceptions import InvalidHandshake

from tests.fakes.gateway_client import GatewayClient, assert_problem, gateway_at_hand

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "signing-key-of-the-test-0123456789abcdef"
NOW_S = int(time.time())
CLAIMS = {
    "iss": "clipferry",
    "aud": "clipferry-gateway",
    "sub": "admin",
    "scope": "admin jobs:read jobs:write stats:read",
    "jti": "1",
    "iat": NOW_S,
    "exp": NOW_S + 600,
}
NOT_VALID, EXPIRED = "UNAUTHENTICATED", "TOKEN_EXPIRED"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    async with gateway_at_hand(tmp_path_factory.mktemp("gateway"), jwt_signing_key=KEY, sign_ins_per_min=0) as client:
        yield client


def forged(
    admin: GatewayClient,
    *,
    key: Any = KEY,
    algorithm: str = "HS256",
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """Return a token with the right key id and session, and what a test makes wrong; None leaves a claim out."""
    kid = jwt.get_unverified_header(admin.token)["kid"]
    session_id = jwt.decode(admin.token, options={"verify_signature": False})["sid"]
    wanted = {name: value for name, value in {"sid": session_id, **CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(wanted, key, algorithm, headers={"typ": "at+jwt", "kid": kid, **(header or {})})


def without(claim: str) -> Callable[[GatewayClient], str]:
    """Return what makes a token that lacks a claim."""
    left_out: dict[str, Any] = {claim: None}
    return lambda admin: forged(admin, **left_out)


def unsigned(admin: GatewayClient, algorithm: str) -> str:
    """Return a token that says that it is not signed, in some spelling."""
    _, claims, _ = forged(admin).split(".")
    header = {"typ": "at+jwt", "alg": algorithm, "kid": jwt.get_unverified_header(admin.token)["kid"]}
    return f"{base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b'=').decode()}.{claims}."


def beyond_its_end(token: str) -> str:
    """Return a token that means the same bytes, by other bits after their end: of 43 letters the last holds four."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) + 1]


async def said_at_every_door(admin: GatewayClient, token: str) -> set[str]:
    """Show `token` over REST, in the first message and in the header of a WebSocket; returns what was said."""
    answer = await admin.http.post("/api/jobs", json={}, headers={"Authorization": f"Bearer {token}"})
    assert answer.headers["content-type"] == "application/problem+json"
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    said = {answer.json()["code"]}
    async with admin.socket(hello=False) as socket:
        await socket.say(type="hello", token=token)
        said.add(await first_word(socket))
    async with admin.socket(hello=False, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        said.add(await first_word(socket))
    return said


async def first_word(socket: Any) -> str:
    heard = await socket.next()
    if heard["type"] == "welcome":
        return "FIELD_INVALID"  # what REST says to an empty job of somebody who may submit one
    assert await socket.closed() == (4010 if heard["code"] == EXPIRED else 4401)
    return str(heard["code"])


async def test_what_may_be_either_is_called_so(admin: GatewayClient) -> None:
    """A word by itself may have been meant as a token or as a key; one that begins like a key is a key."""
    async with admin.socket(hello=False) as socket:
        await socket.say(type="hello", token="x")
        heard = await socket.hear("error")
    key = await admin.http.get("/api/jobs", headers={"Authorization": "Bearer cf_x"})

    assert heard["message"] == "The token or API key is not valid."
    assert assert_problem(key, 401, "UNAUTHENTICATED")["detail"] == "The API key is not valid."


async def test_the_forge_makes_good_tokens(admin: GatewayClient) -> None:
    """What the tests below change is all that is wrong with theirs."""
    assert await said_at_every_door(admin, forged(admin)) == {"FIELD_INVALID"}


RSA_KEY = generate_private_key(65537, 2048)
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

WRONG: dict[str, Callable[[GatewayClient], str]] = {
    "another key": lambda admin: forged(admin, key="another-key-0123456789-0123456789-01"),
    "another algorithm": lambda admin: forged(admin, key=KEY + KEY, algorithm="HS384"),
    "a public key's algorithm": lambda admin: forged(admin, key=RSA_KEY, algorithm="RS256"),
    "none": lambda admin: unsigned(admin, "none"),
    "None": lambda admin: unsigned(admin, "None"),
    "NONE": lambda admin: unsigned(admin, "NONE"),
    "nOnE": lambda admin: unsigned(admin, "nOnE"),
    "no algorithm": lambda admin: unsigned(admin, ""),
    "a foreign kid": lambda admin: forged(admin, header={"kid": "another"}),
    "a kid that is a path": lambda admin: forged(admin, header={"kid": "../../dev/null"}),
    "a kid of many letters": lambda admin: forged(admin, header={"kid": "k" * 4000}),
    "a key of its own": lambda admin: forged(
        admin, key=RSA_KEY, algorithm="RS256", header={"jwk": {"kty": "RSA"}, "x5u": "http://127.0.0.1:1/"}
    ),
    "another typ": lambda admin: forged(admin, header={"typ": "JWT"}),
    "a typ in capitals": lambda admin: forged(admin, header={"typ": "AT+JWT"}),
    "something critical": lambda admin: forged(admin, header={"crit": ["exp"], "exp": 1}),
    "iss": lambda admin: forged(admin, iss="somebody"),
    "part of iss": lambda admin: forged(admin, iss="clip"),
    "iss in another case": lambda admin: forged(admin, iss="Clipferry"),
    "aud": lambda admin: forged(admin, aud="something"),
    "aud in a list": lambda admin: forged(admin, aud=["clipferry-gateway", "something"]),
    "another's session": lambda admin: forged(admin, sub="another"),
    "no such session": lambda admin: forged(admin, sid="another"),
    "issued in the future": lambda admin: forged(admin, iat=NOW_S + 3600, exp=NOW_S + 7200),
    "not yet valid": lambda admin: forged(admin, nbf=NOW_S + 3600),
    "an end in words": lambda admin: forged(admin, exp="soon"),
    "an end that is true": lambda admin: forged(admin, exp=True),
    "an end without end": lambda admin: forged(admin, exp=1e400),
    "scopes in a list": lambda admin: forged(admin, scope=["admin"]),
    **{f"no {name}": without(name) for name in (*CLAIMS, "sid")},
    "truncated": lambda admin: forged(admin)[:-10],
    "no signature": lambda admin: forged(admin).rpartition(".")[0] + ".",
    "two parts": lambda admin: forged(admin).rpartition(".")[0],
    "claims of another": lambda admin: ".".join(
        [*forged(admin).split(".")[:1], *forged(admin, sub="eve").split(".")[1:2], *forged(admin).split(".")[2:]]
    ),
    "padding": lambda admin: f"{forged(admin)}=",
    "padding within": lambda admin: forged(admin).replace(".", "=."),
    "bits beyond the end": lambda admin: beyond_its_end(forged(admin)),
    "a letter that is none": lambda admin: f"{forged(admin)[:-4]}!{forged(admin)[-4:]}",
    "JSON": lambda _admin: json.dumps({"payload": "e30", "signatures": []}),
    "deep JSON": lambda _admin: base64.urlsafe_b64encode(b"[" * 5001).decode() + ".e30.e30",
    "a long number": lambda _admin: base64.urlsafe_b64encode(b'{"alg":' + b"1" * 5001 + b"} ").decode() + ".e30.e30",
    "dots": lambda _admin: "..",
    "a refresh token": lambda admin: admin.refresh_token,
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_token_that_is_not_ours_is_refused(admin: GatewayClient, wrong: str) -> None:
    assert await said_at_every_door(admin, WRONG[wrong](admin)) == {NOT_VALID}


async def test_a_public_key_is_no_secret(admin: GatewayClient) -> None:
    """Not even to PyJWT: it will not sign with one, and ours are not public."""
    with pytest.raises(jwt.InvalidKeyError):
        forged(admin, key=PUBLIC_PEM)


async def test_an_expired_token_is_told_apart(admin: GatewayClient) -> None:
    """Its client refreshes it; for all others there is a new sign-in."""
    assert await said_at_every_door(admin, forged(admin, exp=NOW_S - 1)) == {EXPIRED}


async def test_a_token_of_an_ended_session_is_refused(admin: GatewayClient) -> None:
    ann = await admin.invite("ann")
    assert (await ann.request("POST", "/api/auth/logout")).status_code == 204

    assert await said_at_every_door(admin, ann.token) == {NOT_VALID}


async def test_a_token_of_a_megabyte_is_not_even_read(admin: GatewayClient) -> None:
    async with admin.socket(hello=False) as socket:
        await socket.say(type="hello", token="a" * 1_000_000)
        assert await socket.closed() == 1009
    answer = await admin.http.post("/api/auth/refresh", json={"refreshToken": "a" * 1_000_000})
    assert answer.status_code == 413
    headers = {"Authorization": f"Bearer {'a' * 1_000_000}"}
    # Who is still writing when the answer comes may lose it with the connection.
    with suppress(httpx.TransportError):
        assert (await admin.http.get("/api/jobs", headers=headers)).status_code == 431
    with pytest.raises((InvalidHandshake, OSError, EOFError)):
        async with admin.socket(hello=False, additional_headers=headers):
            pytest.fail("it came in")
    await admin.get("/api/auth/sessions")


async def test_a_long_token_is_refused_by_its_length(admin: GatewayClient) -> None:
    answer = await admin.http.post("/api/jobs", json={}, headers={"Authorization": f"Bearer {'a' * 30_000}"})
    assert answer.json()["detail"] == "The access token has 30000 characters; at most 8192 are read."
    async with admin.socket(hello=False) as socket:
        await socket.say(type="hello", token="a" * 60_000)
        assert await first_word(socket) == NOT_VALID


@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer x.y.z", "Basic YTpi", "Bearer cf_", "Bearer cf_unknown"])
async def test_no_token_is_refused(admin: GatewayClient, shown: str | None) -> None:
    headers = {} if shown is None else {"Authorization": shown}
    response = await admin.http.post("/api/jobs", json={}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (401, NOT_VALID)
