"""Tokens of another issuer: each known trap of JWTs and of fetched keys is closed."""

import base64
import gzip
import hmac
import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm
from jwt.warnings import InsecureKeyLengthWarning

from tests.fakes.clock import FakeClock
from tests.fakes.gateway_client import GatewayClient, assert_problem, gateway_at_hand
from tests.fakes.issuer import Issuer, issuer_at_hand, public_ec, public_ed, public_rsa

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Door:
    """A gateway, the issuer that it believes, and the time of both."""

    def __init__(self, admin: GatewayClient, issuer: Issuer, clock: FakeClock) -> None:
        self.admin = admin
        self.issuer = issuer
        self.clock = clock

    def token(self, **wrong: Any) -> str:
        """Return a token as `Issuer.token` does, of the present time."""
        now_s = self.clock.time_ms() // 1000
        return self.issuer.token(**{"iat": now_s, "exp": now_s + 600, **wrong})

    def client(self, token: str | None = None, **wrong: Any) -> GatewayClient:
        """Return whoever shows a token."""
        return GatewayClient(self.admin.http, self.admin.port, self.token(**wrong) if token is None else token)

    async def said(self, token: str) -> str:
        """Return what the gateway says to a token, the same over REST and WebSocket."""
        answer = await self.client(token).request("GET", "/api/auth/sessions")
        code = "ok" if answer.status_code == 200 else str(answer.json()["code"])
        async with self.admin.socket(hello=False) as socket:
            await socket.say(type="hello", token=token)
            heard = await socket.next()
        assert code == ("ok" if heard["type"] == "welcome" else heard["code"])
        return code


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    folder, clock = tmp_path_factory.mktemp("gateway"), FakeClock()
    async with (
        issuer_at_hand() as issuer,
        gateway_at_hand(folder, clock=clock, external_issuers=[issuer.settings], sign_ins_per_min=0) as admin,
    ):
        yield Door(admin, issuer, clock)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def fresh(door: Door) -> None:
    """The keys are fetched anew in each test, once; the admin, whose token is over by then, signs in again."""
    door.issuer.keys = [public_rsa(door.issuer.rsa, "rsa-1")]
    door.issuer.answer = None
    door.clock.advance(301)
    door.issuer.fetch_count = 0
    door.admin = await door.admin.sign_in(apiKey="test-admin-key-0123456789")


async def test_a_user_comes_into_being_on_first_sight(door: Door) -> None:
    """With a name that no user of ours can have, and sends to the operator's chat only."""
    assert await door.said(door.token(sub="Ann@corp")) == "ok"

    seen = await door.admin.get("/api/admin/users/corp:Ann@corp")
    assert (seen["role"], seen["chats"], seen["enabled"]) == ("user", ["default"], True)
    refused = await door.client(sub="Ann@corp").request("GET", "/api/admin/users")
    assert_problem(refused, 403, "PERMISSION_DENIED")


async def test_the_issuer_says_who_is_an_admin(door: Door) -> None:
    """In a list or in words; and nobody but the issuer."""
    for number, said in enumerate((["x", "clipferry-admin"], "x clipferry-admin")):
        boss = door.client(sub=f"boss{number}", roles=said)
        assert len((await boss.get("/api/admin/users"))["users"]) > 1
    others: Sequence[object] = ("clipferry-administrator", ["Clipferry-admin"], {"clipferry-admin": 1}, None)
    for roles in others:
        refused = await door.client(sub="boss0", roles=roles).request("GET", "/api/admin/users")
        assert_problem(refused, 403, "PERMISSION_DENIED")
    by_hand = await door.admin.request("PATCH", "/api/admin/users/corp:boss0", json={"role": "admin"})
    assert "issuer" in assert_problem(by_hand, 422, "FIELD_INVALID")["detail"]


async def test_who_is_shut_out_stays_out(door: Door) -> None:
    """With a token seen before, a new one, and a live connection."""
    eve = door.client(sub="eve")
    async with eve.socket() as socket:
        await door.admin.request("PATCH", "/api/admin/users/corp:eve", json={"enabled": False})
        assert await socket.closed() == 4403
    assert_problem(await eve.request("GET", "/api/auth/sessions"), 401, "UNAUTHENTICATED")
    assert await door.said(door.token(sub="eve", jti="another")) == "UNAUTHENTICATED"


OTHER = rsa.generate_private_key(65537, 2048)


def hmac_with_public_key(door: Door) -> str:
    """Return a token that is signed by what everybody knows (CVE-2022-29217 and its kind)."""
    pem = door.issuer.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = encoded(json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": "rsa-1"}).encode())
    signed = f"{header}.{door.token().split('.')[1]}"
    return f"{signed}.{encoded(hmac.digest(pem, signed.encode(), 'sha256'))}"


def with_header(door: Door, **header: Any) -> str:
    """Return a token that is signed as it should be, with a header that PyJWT would not write; None leaves one out."""
    wanted = {"alg": "RS256", "typ": "at+jwt", "kid": "rsa-1", **header}
    written = encoded(json.dumps({name: value for name, value in wanted.items() if value is not None}).encode())
    return signed_by_hand(door, f"{written}.{door.token().split('.')[1]}")


def with_claims(door: Door, **claims: Any) -> str:
    """Return a token that is signed as it should be, with claims that PyJWT would not write."""
    header, payload, _ = door.token().split(".")
    wanted = {**json.loads(base64.urlsafe_b64decode(payload + "==")), **claims}
    return signed_by_hand(door, f"{header}.{encoded(json.dumps(wanted).encode())}")


def signed_by_hand(door: Door, signed: str) -> str:
    return f"{signed}.{encoded(door.issuer.rsa.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


WRONG: dict[str, Callable[[Door], str]] = {
    "another's key": lambda door: door.token(key=OTHER),
    "another algorithm of the key": lambda door: door.token(algorithm="PS256"),
    "a longer hash than the key is for": lambda door: door.token(algorithm="RS512"),
    "the public key as a secret": hmac_with_public_key,
    "no kid": lambda door: with_header(door, kid=None),
    "an unknown kid": lambda door: door.token(header={"kid": "rsa-2"}),
    "a key of its own": lambda door: door.token(
        key=OTHER, header={"kid": "mine", "jwk": public_rsa(OTHER, "mine"), "jku": f"{door.issuer.url}/mine"}
    ),
    "an ID token": lambda door: door.token(header={"typ": "JWT"}),
    "no typ": lambda door: door.token(header={"typ": None}),
    "something critical": lambda door: door.token(header={"crit": ["x"], "x": 1}),
    "a critical list that is empty": lambda door: door.token(header={"crit": []}),
    "something critical that PyJWT knows": lambda door: with_header(door, crit=["b64"], b64=True),
    "something critical that is there already": lambda door: with_header(door, crit=["alg"]),
    "another iss": lambda door: door.token(iss="https://id.corp.test/"),
    "our iss": lambda door: door.token(iss="clipferry"),
    "another aud": lambda door: door.token(aud="clipferry2"),
    "many aud": lambda door: door.token(aud=["clipferry", "mail"]),
    "no aud": lambda door: door.token(aud=None),
    "no end": lambda door: door.token(exp=None),
    "no beginning": lambda door: door.token(iat=None),
    "no user": lambda door: door.token(sub=None),
    "a user with a blank": lambda door: door.token(sub="a b"),
    "a user of 97 letters": lambda door: door.token(sub="a" * 97),
    "issued in the future": lambda door: door.token(iat=door.clock.time_ms() // 1000 + 120),
    "not yet valid": lambda door: door.token(nbf=door.clock.time_ms() // 1000 + 120),
    "an end that is true": lambda door: door.token(exp=True),
    "an end that is no number": lambda door: with_claims(door, exp=math.nan),
    "a beginning that is no number": lambda door: with_claims(door, iat=math.nan),
    "an end without end": lambda door: with_claims(door, exp=math.inf),
    "iss in a list": lambda door: with_claims(door, iss=["https://id.corp.test"]),
    "part of iss": lambda door: with_claims(door, iss="https://id.corp"),
    "a user that is a number": lambda door: with_claims(door, sub=7),
}


async def test_the_forge_signs_as_it_should(door: Door) -> None:
    """What is wrong with its tokens is only what a test says."""
    assert await door.said(with_header(door)) == "ok"
    assert await door.said(with_claims(door, jti="by hand")) == "ok"


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_token_that_is_wrong_is_refused(door: Door, wrong: str) -> None:
    assert await door.said(WRONG[wrong](door)) == "UNAUTHENTICATED"


async def test_an_expired_token_is_told_apart(door: Door) -> None:
    token = door.token()
    assert await door.said(token) == "ok"
    door.clock.advance(601)

    assert await door.said(token) == "TOKEN_EXPIRED"


async def test_keys_of_other_kinds_verify_too(door: Door) -> None:
    on_curve, edwards = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    door.issuer.keys += [public_ec(on_curve, "ec"), public_ed(edwards, "ed")]

    assert await door.said(door.token(key=on_curve, algorithm="ES256", header={"kid": "ec"})) == "ok"
    assert await door.said(door.token(key=edwards, algorithm="EdDSA", header={"kid": "ed"})) == "ok"


@pytest.mark.parametrize(
    "more",
    [
        {"alg": "HS256"},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"n": "AQAB"},
        {"n": 1},
        pytest.param({**json.loads(RSAAlgorithm.to_jwk(OTHER)), "key_ops": ["sign", "verify"]}, id="the private half"),
    ],
    ids=str,
)
async def test_a_key_for_something_else_verifies_nothing(door: Door, more: dict[str, Any]) -> None:
    """Nor does it stand in the way of the others."""
    door.issuer.keys.append(public_rsa(OTHER, "odd", **more))

    assert await door.said(door.token(key=OTHER, header={"kid": "odd"})) == "UNAUTHENTICATED"
    assert await door.said(door.token()) == "ok"


async def test_a_short_key_verifies_nothing(door: Door) -> None:
    short = rsa.generate_private_key(65537, 1024)
    door.issuer.keys.append(public_rsa(short, "short"))
    with pytest.warns(InsecureKeyLengthWarning):
        token = door.token(key=short, header={"kid": "short"})

    assert await door.said(token) == "UNAUTHENTICATED"


async def test_unknown_keys_make_no_flood_of_fetches(door: Door) -> None:
    """Their ids are a stranger's choice. A key that is really new is found ten seconds later."""
    for number in range(20):
        assert await door.said(door.token(header={"kid": f"unknown-{number}"})) == "UNAUTHENTICATED"
    assert door.issuer.fetch_count == 1
    door.issuer.keys.append(public_rsa(OTHER, "new"))
    door.clock.advance(11)

    assert await door.said(door.token(key=OTHER, header={"kid": "new"})) == "ok"
    assert door.issuer.fetch_count == 2


def moved() -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


def huge() -> web.StreamResponse:
    return web.Response(text=json.dumps({"keys": [], "more": "x" * 300_000}))


def pressed() -> web.StreamResponse:
    """A set without keys. What is a hundred kilobytes could as well be a hundred megabytes once it was unpacked."""
    return web.Response(body=gzip.compress(b'{"keys": []}'), headers={"Content-Encoding": "gzip"})


ANSWERS: dict[str, Callable[[], web.StreamResponse]] = {
    "an error": lambda: web.Response(status=500),
    "a redirect": moved,
    "too much": huge,
    "something to unpack": pressed,
    "a page": lambda: web.Response(text="<html>"),
    "deep JSON": lambda: web.Response(text="[" * 100_000),
    "a list": lambda: web.Response(text="[]"),
    "no list": lambda: web.Response(text='{"keys": {}}'),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_keys_are_kept_while_they_cannot_be_fetched(door: Door, answer: str) -> None:
    assert await door.said(door.token()) == "ok"
    door.issuer.keys = [public_rsa(OTHER, "rsa-1")]
    door.issuer.answer = ANSWERS[answer]()
    door.clock.advance(301)

    assert await door.said(door.token(jti="new")) == "ok"
    assert door.issuer.fetch_count == 2


async def test_without_keys_it_is_said_to_come_back(tmp_path: Path) -> None:
    """Not that the token is bad: nobody knows."""
    async with issuer_at_hand() as issuer:
        issuer.answer = web.Response(status=500)
        async with gateway_at_hand(tmp_path, external_issuers=[issuer.settings]) as admin:
            refused = await GatewayClient(admin.http, admin.port, issuer.token()).request("GET", "/api/auth/sessions")
    assert_problem(refused, 503, "UNAVAILABLE")
    assert refused.headers["retry-after"] == "10"
