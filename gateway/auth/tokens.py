"""Access tokens: short-lived JWTs of one issuer, one algorithm and one purpose.

HS256 with random keys of 32 bytes: nobody but the gateway verifies them, so there is no public key to publish, and it
takes a fifth of the time of Ed25519.
"""

import base64
import secrets
from dataclasses import dataclass
from typing import Any

import jwt

from gateway.auth.keyring import Keyring
from gateway.auth.scopes import joined, taken_apart
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

ISSUER = "clipferry"
AUDIENCE = "clipferry-gateway"
NOT_VALID = "The access token is not valid."
_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_REQUIRED = ["iss", "aud", "sub", "sid", "jti", "exp", "iat", "scope"]
_SKEW_S = 60
"""By how much the clocks of two gateways may differ."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What one of our tokens says."""

    user_id: str
    session_id: str
    scopes: frozenset[str]
    expires_at_s: int


class AccessTokens:
    """Issues and verifies access tokens.

    Args:
        keyring: What signs and verifies.
        ttl_s: Seconds that a token is valid.
        clock: The time it goes by.
    """

    def __init__(self, keyring: Keyring, *, ttl_s: int, clock: Clock) -> None:
        self._keyring = keyring
        self.ttl_s = ttl_s
        self._clock = clock
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    def issue(
        self, *, user_id: str, session_id: str, scopes: frozenset[str], session_ends_at_ms: int
    ) -> tuple[str, int]:
        """Return a token for one user's session, and the seconds that it is valid; never longer than the session."""
        now_s = self._clock.time_ms() // 1000
        expires_at_s = min(now_s + self.ttl_s, session_ends_at_ms // 1000)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "scope": joined(scopes),
            "jti": secrets.token_urlsafe(12),
            "iat": now_s,
            "exp": expires_at_s,
        }
        kid, key = self._keyring.signing()
        return self._jwt.encode(claims, key, _ALGORITHM, {"typ": _TYPE, "kid": kid}), expires_at_s - now_s

    async def verify(self, token: str) -> Claims:
        """Return what `token` says.

        Raises:
            ClipferryError: UNAUTHENTICATED, or TOKEN_EXPIRED when only its time is over.
        """
        claims = await self._claims(token)
        if not _are_whole(claims) or claims["iat"] > self._clock.time_ms() / 1000 + _SKEW_S:
            raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID)
        if claims["exp"] * 1000 <= self._clock.time_ms():
            raise ClipferryError(Reason.TOKEN_EXPIRED)
        return Claims(claims["sub"], claims["sid"], taken_apart(claims["scope"]), claims["exp"])

    async def _claims(self, token: str) -> dict[str, Any]:
        check_compact(token)
        try:
            header = jwt.get_unverified_header(token)
            # `kid` is the caller's word: it only picks from our own keys.
            key = await self._keyring.find(str(header.get("kid"))) if header.get("typ") == _TYPE else None
            if key is None:
                raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID)
            return self._jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                # Times are checked by `verify`, against the injected clock.
                options={
                    "require": _REQUIRED,
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID) from error


def check_compact(token: str) -> None:
    """Check that a token is written in the one way there is (RFC 7515, sections 2 and 7.1).

    PyJWT also reads base64url with padding, with bits beyond the end and with letters that are none: many spellings of
    one token, each of which would be new to whoever looks for a known one.

    Raises:
        ClipferryError: UNAUTHENTICATED.
    """
    try:
        parts = token.encode("ascii").split(b".")
        is_compact = all(base64.urlsafe_b64encode(_decoded(part)).rstrip(b"=") == part for part in parts)
    except ValueError as error:
        raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID) from error
    if not is_compact:
        raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID)


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _are_whole(claims: dict[str, Any]) -> bool:
    """Return whether the claims are of their types, which PyJWT leaves to others, and none is a time of theirs."""
    texts = all(isinstance(claims[name], str) and claims[name] for name in ("sub", "sid", "jti", "scope"))
    return texts and all(type(claims[name]) is int for name in ("iat", "exp")) and "nbf" not in claims
