"""The public keys of another issuer: fetched when needed, kept while they cannot be fetched."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import jwt
import structlog

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

_FRESH_S = 300.0
"""How long keys are good before they are fetched again."""
_AGAIN_S = 10.0
"""Least time between two fetches, whatever strangers show: an unknown key id is theirs to choose."""
_TIMEOUT_S = 3.0
_LIMIT_BYTES = 256 * 1024
_LIMIT_KEYS = 64
_LEAST_RSA_BITS = 2048

Keys = Mapping[tuple[str, str], jwt.PyJWK]
"""By key id and by the one algorithm that the key is for."""


class KeySet:
    """The keys at one URL.

    Args:
        url: Of a JSON Web Key Set (RFC 7517).
        algorithms: Keys for others are not used.
        http: Follows no redirect.
        clock: The time it goes by.
    """

    def __init__(self, url: str, algorithms: Sequence[str], http: httpx.AsyncClient, clock: Clock) -> None:
        self._url = url
        self._algorithms = algorithms
        self._http = http
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at_s: float | None = None
        self._tried_at_s: float | None = None
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str, algorithm: str) -> jwt.PyJWK | None:
        """Return a key, or None if there is none for this id and algorithm.

        Raises:
            ClipferryError: UNAVAILABLE while the keys have never been fetched.
        """
        if self._is_stale() or (key_id, algorithm) not in self._keys:
            async with self._fetching:
                if self._is_stale() or (key_id, algorithm) not in self._keys:
                    await self._fetch_if_due()
        if self._fetched_at_s is None:
            raise ClipferryError(
                Reason.UNAVAILABLE, "The keys of the token's issuer cannot be fetched.", retry_after_s=_AGAIN_S
            )
        return self._keys.get((key_id, algorithm))

    def _is_stale(self) -> bool:
        return self._fetched_at_s is None or self._clock.monotonic_s() - self._fetched_at_s > _FRESH_S

    async def _fetch_if_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._tried_at_s is not None and now_s - self._tried_at_s < _AGAIN_S:
            return
        self._tried_at_s = now_s
        try:
            self._keys = _usable(await self._fetch(), self._algorithms)
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            cause = f"{type(error).__name__}: {error}"[:200]
            logger.warning("Keys could not be fetched.", action="jwks_fetch_failed", url=self._url, cause=cause)
            return
        self._fetched_at_s = now_s

    async def _fetch(self) -> Any:
        wanted = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with asyncio.timeout(_TIMEOUT_S), self._http.stream("GET", self._url, headers=wanted) as answer:
            if answer.status_code != 200:
                raise ValueError(f"the answer is {answer.status_code}")
            body = bytearray()
            # As it comes: a piece of it could hold a thousand times as much once it was unpacked.
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > _LIMIT_BYTES:
                    raise ValueError(f"the answer has more than {_LIMIT_BYTES} bytes")
        return json.loads(body)


def _usable(document: Any, algorithms: Sequence[str]) -> Keys:
    """Return the keys of a set that may verify.

    Raises:
        ValueError: If it is not a set of keys.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("the answer is not a set of keys")  # noqa: TRY004 - as all that is wrong with an answer
    found: dict[tuple[str, str], jwt.PyJWK] = {}
    for entry in listed[:_LIMIT_KEYS]:
        key = _read(entry) if isinstance(entry, dict) else None
        if key is not None and key.algorithm_name in algorithms:
            found.setdefault((str(key.key_id), key.algorithm_name), key)
    return found


def _read(entry: dict[str, Any]) -> jwt.PyJWK | None:
    if not isinstance(entry.get("kid"), str) or entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
        return None
    if "verify" not in entry.get("key_ops", ["verify"]):
        return None
    try:
        key = jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    is_short = entry["kty"] == "RSA" and key.key.key_size < _LEAST_RSA_BITS
    return None if is_short or "d" in entry else key
