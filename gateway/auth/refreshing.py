"""Refresh tokens: each is made from the one before and the moment, so that two who ask at once get the same.

``session.family.secret``: the secret changes at each refresh, the family never does. Kept are the hash of the newest
secret and of the one before, and a random seed. A secret that is neither of the two comes either from somebody who has
guessed, or, if the family is right, from a copy of a token that was good once.

Whoever asks with the one before later than "at once" gets another new one. The first new one is worth nothing then, so
that a thief and an owner with the same token cannot both go on with it.
"""

import base64
import hashlib
import hmac
import secrets
from typing import NamedTuple

from gateway.auth.digests import digest

SEED_BYTES = 32
_AT_ONCE_MS = 10_000
"""A client's tabs, its retries, and the way of an answer that was lost."""


class RefreshToken(NamedTuple):
    """A token, taken apart."""

    session_id: str
    family: str
    """Empty in those of the first version."""
    secret: str


class Kept(NamedTuple):
    """What a session keeps of its tokens."""

    refreshed_at_ms: int
    seed: bytes
    current_hash: bytes
    previous_hash: bytes | None


def first_secret() -> str:
    """Return the secret of a session's first token: 256 random bits."""
    return secrets.token_urlsafe(32)


def moment_of(token: RefreshToken, kept: Kept, now_ms: int) -> int:
    """Return the moment that a good token's successor is made of: the last one, if that has just been made of it."""
    is_again = not hmac.compare_digest(digest(token.secret), kept.current_hash)
    return kept.refreshed_at_ms if is_again and now_ms - kept.refreshed_at_ms <= _AT_ONCE_MS else now_ms


def next_secret(seed: bytes, secret: str, moment_ms: int) -> str:
    """Return the secret that follows one that is used at a moment."""
    return _made(seed, f"next:{moment_ms}:{secret}")


def written(session_id: str, seed: bytes, secret: str) -> str:
    """Return a token as its client gets it."""
    return f"{session_id}.{_family(seed)}.{secret}"


def taken_apart(token: str) -> RefreshToken:
    """Return the parts of whatever was shown."""
    session_id, _, rest = token.partition(".")
    family, _, secret = rest.rpartition(".")
    return RefreshToken(session_id, family, secret)


def is_good(token: RefreshToken, kept: Kept) -> bool:
    """Return whether a token is the newest, or the one before while the newest was not used."""
    shown = digest(token.secret)
    is_newest = hmac.compare_digest(shown, kept.current_hash)
    return is_newest or (kept.previous_hash is not None and hmac.compare_digest(shown, kept.previous_hash))


def was_good_once(token: RefreshToken, kept: Kept) -> bool:
    """Return whether a token that is not good is one of the session's own."""
    return hmac.compare_digest(token.family.encode(), _family(kept.seed).encode())


def _family(seed: bytes) -> str:
    return _made(seed, "family")[:16]


def _made(seed: bytes, text: str) -> str:
    made = hmac.digest(seed, text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
