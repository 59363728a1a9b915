"""Another issuer of tokens, with a real server for its keys."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "clipferry"


class Issuer:
    """Signs tokens, and shows its public keys as a test tells it to."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.keys: list[dict[str, Any]] = [public_rsa(self.rsa, "rsa-1")]
        self.fetch_count = 0
        self.answer: web.StreamResponse | None = None
        """What is answered instead of the keys."""
        self.url = ""

    @property
    def settings(self) -> dict[str, Any]:
        """What a gateway is told of it."""
        return {
            "name": "corp",
            "issuer": "https://id.corp.test",
            "audience": AUDIENCE,
            "jwksUrl": f"{self.url}/jwks",
            "adminClaim": "roles",
            "adminValue": "clipferry-admin",
        }

    def token(
        self,
        *,
        key: Any = None,
        algorithm: str = "RS256",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a good token, and what a test makes wrong; None leaves a claim out."""
        now_s = int(time.time())
        wanted = {
            "iss": "https://id.corp.test",
            "aud": AUDIENCE,
            "sub": "ann",
            "iat": now_s,
            "exp": now_s + 600,
            **claims,
        }
        wanted = {name: value for name, value in wanted.items() if value is not None}
        headers = {"typ": "at+jwt", "kid": "rsa-1", **(header or {})}
        return jwt.encode(wanted, self.rsa if key is None else key, algorithm, headers=headers)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.fetch_count += 1
        if request.path == "/elsewhere" or self.answer is None:
            return web.json_response({"keys": self.keys})
        return self.answer


def public_rsa(key: rsa.RSAPrivateKey, key_id: str, **more: Any) -> dict[str, Any]:
    """Return the public half of a key as it stands in a set."""
    return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig", "alg": "RS256", **more}


def public_ec(key: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, Any]:
    """The same of a key on a curve of the NIST."""
    return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": key_id}


def public_ed(key: ed25519.Ed25519PrivateKey, key_id: str) -> dict[str, Any]:
    """The same of a key for Ed25519."""
    return {**json.loads(OKPAlgorithm.to_jwk(key.public_key())), "kid": key_id}


@asynccontextmanager
async def issuer_at_hand() -> AsyncIterator[Issuer]:
    """Run an issuer for the length of the block."""
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/jwks", issuer._serve)
    app.router.add_get("/elsewhere", issuer._serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()
