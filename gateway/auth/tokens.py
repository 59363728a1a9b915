"""Access tokens: short-lived JWTs of one issuer, one algorithm and one purpose."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

import jwt

from gateway.auth.caller import Caller
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

ISSUER = "clipferry"
AUDIENCE = "clipferry-gateway"
_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_REQUIRED = ["iss", "aud", "sub", "sid", "jti", "exp", "iat", "role"]
_ROLES = ("user", "admin")
_NOT_VALID = "The access token is not valid."


class AccessTokens:
    """Issues and verifies access tokens.

    Args:
        keys: Secrets of at least 32 bytes. The first signs; all verify.
        ttl_s: Seconds that a token is valid.
    """

    def __init__(self, keys: Sequence[bytes], *, ttl_s: int, clock: Clock) -> None:
        self._keys = {_key_id(key): key for key in keys}
        self._signing_key_id = _key_id(keys[0])
        self.ttl_s = ttl_s
        self._clock = clock
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    def issue(self, *, user_id: str, role: str, session_id: str) -> str:
        """Return a token for one user's session."""
        now_s = self._clock.time_ms() // 1000
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "role": role,
            "jti": secrets.token_urlsafe(12),
            "iat": now_s,
            "exp": now_s + self.ttl_s,
        }
        headers = {"typ": _TYPE, "kid": self._signing_key_id}
        return self._jwt.encode(claims, self._keys[self._signing_key_id], _ALGORITHM, headers)

    def verify(self, token: str) -> Caller:
        """Return who shows `token`.

        Raises:
            ClipferryError: UNAUTHENTICATED, or TOKEN_EXPIRED when only its time is over.
        """
        claims = self._claims(token)
        expires_at_s = claims["exp"]
        if not isinstance(expires_at_s, int) or claims["role"] not in _ROLES or not isinstance(claims["sid"], str):
            raise ClipferryError(Reason.UNAUTHENTICATED, _NOT_VALID)
        if expires_at_s * 1000 <= self._clock.time_ms():
            raise ClipferryError(Reason.TOKEN_EXPIRED)
        return Caller(claims["sub"], claims["role"] == "admin", claims["sid"], expires_at_s)

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            # `kid` is the caller's word: it only picks from our own keys.
            key = self._keys.get(str(header.get("kid")))
            if key is None or header.get("typ") != _TYPE:
                raise ClipferryError(Reason.UNAUTHENTICATED, _NOT_VALID)
            return self._jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                # The time is checked by `verify`, against the injected clock.
                options={"require": _REQUIRED, "strict_aud": True, "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise ClipferryError(Reason.UNAUTHENTICATED, _NOT_VALID) from error


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"kid:" + key).hexdigest()[:16]
