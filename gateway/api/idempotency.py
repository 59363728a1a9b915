"""Idempotency-Key: the rules of the draft standard that come before the queue's own memory."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.api.request_id import new_id
from services.chassis.errors import ClipferryError, Reason

MOST_KEY_CHARACTERS = 64

_QUOTED = re.compile(r'"([^"\\]*)"')


def request_id_of(idempotency_key: str | None) -> str:
    """Return the client's key, with or without the quotes that the draft standard wants.

    Without one it is ours: the channel may repeat the call then.

    Raises:
        ClipferryError: IDEMPOTENCY_KEY_INVALID.
    """
    if idempotency_key is None:
        return new_id()
    text = idempotency_key.strip()
    quoted = _QUOTED.fullmatch(text)
    key = quoted[1] if quoted else text
    if not 1 <= len(key) <= MOST_KEY_CHARACTERS or not key.isascii() or not key.isprintable() or '"' in key:
        raise ClipferryError(
            Reason.IDEMPOTENCY_KEY_INVALID,
            f"Idempotency-Key must be 1 to {MOST_KEY_CHARACTERS} printable ASCII characters, with quotes around or"
            f" none (got {key[:80]!r}).",
            limit_characters=MOST_KEY_CHARACTERS,
        )
    return key


class InFlight:
    """The keys whose first answer is still on its way from this gateway."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def only(self, owner: str, key: str) -> Iterator[None]:
        """Hold the key for the length of the block.

        Raises:
            ClipferryError: REQUEST_IN_FLIGHT when it is held already.
        """
        place = (owner, key)
        if place in self._keys:
            raise ClipferryError(
                Reason.REQUEST_IN_FLIGHT,
                f"The first request with the Idempotency-Key {key!r} is still being answered; ask again soon.",
                retry_after_s=1.0,
            )
        self._keys.add(place)
        try:
            yield
        finally:
            self._keys.discard(place)
