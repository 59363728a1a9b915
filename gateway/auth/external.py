"""Tokens of other issuers as credentials (RFC 9068), each rule of RFC 8725 by name."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import structlog

from gateway.auth.caller import Caller
from gateway.auth.chats import DEFAULT
from gateway.auth.endings import external_session
from gateway.auth.issuer import ExternalIssuer
from gateway.auth.jwks import KeySet
from gateway.auth.key_lookup import check_enabled
from gateway.auth.keys import PREFIX
from gateway.auth.scopes import OF_ROLE, taken_apart
from gateway.auth.tokens import NOT_VALID, check_compact
from gateway.store.database import Database
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

_REQUIRED = ["iss", "aud", "exp", "iat"]
_SKEW_S = 60
_LATEST_S = 1e11
"""The year 5138."""


class ExternalCredentials:
    """See `gateway.auth.gate.Credentials`. Its users come into being when they are first seen.

    Args:
        issuer: Whose tokens.
        keys: Its keys.
        database: Where its users are kept.
        clock: The time it goes by.
    """

    def __init__(self, issuer: ExternalIssuer, keys: KeySet, database: Database, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._database = database
        self._clock = clock
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    def knows(self, shown: str) -> bool:
        if shown.startswith(PREFIX):
            return False
        try:
            unverified = self._jwt.decode(shown, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            return False
        return bool(unverified.get("iss") == self._issuer.issuer)

    async def caller(self, shown: str) -> Caller:
        claims = await self._claims(shown)
        expires_at_s = _checked_time(claims, self._clock.time_ms() / 1000)
        user_id, role = self._issuer.user_id(claims), self._issuer.role(claims)
        if user_id is None:
            raise ClipferryError(
                Reason.UNAUTHENTICATED,
                f"The token's claim {self._issuer.user_claim} must be 1 to 96 visible ASCII characters.",
            )
        is_enabled, chats = await self._met(user_id, role)
        check_enabled(user_id, is_enabled)
        return Caller(user_id, external_session(user_id, role), expires_at_s, OF_ROLE[role], taken_apart(chats))

    async def _claims(self, shown: str) -> dict[str, Any]:
        check_compact(shown)
        try:
            header = jwt.get_unverified_header(shown)
            key_id, algorithm = header.get("kid"), header.get("alg")
            typ = str(header.get("typ", "")).lower().removeprefix("application/")
            # No extension is understood here, so none may be critical; keys that a token brings are not looked at.
            if typ != self._issuer.typ.lower() or "crit" in header or not isinstance(key_id, str):
                raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID)
            key = await self._keys.find(key_id, str(algorithm))
            if key is None:
                raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID)
            return self._jwt.decode(
                shown,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer.issuer,
                audience=self._issuer.audience,
                # Times are checked against the injected clock.
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

    async def _met(self, user_id: str, role: str) -> tuple[int, str]:
        """Return whether a user is enabled, and the chats, keeping what the issuer says of the role."""
        rows = await self._database.run("SELECT is_enabled, chats, role FROM users WHERE id = $1", user_id)
        if rows and rows[0][2] == role:
            return rows[0][0], rows[0][1]
        ((is_enabled, chats),) = await self._database.run(
            "INSERT INTO users (id, role, is_enabled, chats, created_at_ms) VALUES ($1, $2, 1, $3, $4)"
            " ON CONFLICT (id) DO UPDATE SET role = excluded.role RETURNING is_enabled, chats",
            user_id,
            role,
            DEFAULT,
            self._clock.time_ms(),
        )
        logger.info("A user of another issuer was met.", action="external_user_met", user_id=user_id, role=role)
        return is_enabled, chats


def _checked_time(claims: dict[str, Any], now_s: float) -> int:
    """Return when a token's time is over.

    Raises:
        ClipferryError: TOKEN_EXPIRED; UNAUTHENTICATED when its time has not come, or is none.
    """
    times = [claims["exp"], claims["iat"], claims.get("nbf", claims["iat"])]
    if not all(_is_time(time) for time in times):
        raise ClipferryError(Reason.UNAUTHENTICATED, NOT_VALID)
    expires_at_s, *begins = times
    if max(begins) > now_s + _SKEW_S:
        raise ClipferryError(Reason.UNAUTHENTICATED, "The time of the access token has not come yet.")
    if expires_at_s <= now_s:
        raise ClipferryError(Reason.TOKEN_EXPIRED)
    return int(expires_at_s)


def _is_time(said: object) -> bool:
    """Return whether a claim is a moment; Python reads NaN, which is neither before nor after any."""
    return isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= _LATEST_S


@asynccontextmanager
async def open_externals(
    issuers: Sequence[ExternalIssuer], database: Database, clock: Clock
) -> AsyncIterator[list[ExternalCredentials]]:
    """Accept tokens of `issuers` for the length of the block."""
    async with httpx.AsyncClient(follow_redirects=False, trust_env=False) as http:
        yield [
            ExternalCredentials(each, KeySet(each.jwks_url, each.algorithms, http, clock), database, clock)
            for each in issuers
        ]
