"""The keys that sign access tokens: from the environment, or kept in the store and changed by a command."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence

import structlog

from gateway.store.database import Database, Run
from gateway.store.marks import Marks, mark
from services.chassis.clock import Clock

logger = structlog.get_logger(__name__)

SIGNING_KEYS = "signing_keys"
"""Topic of the marks."""
_LOOK_AGAIN_S = 1.0
_LONGEST_TTL_MS = 86_400_000
"""No token is valid for longer: after that a key that was replaced verifies nothing."""


class Keyring:
    """The key that signs now, and all that still verify."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys: Mapping[str, bytes] = {}
        self._signing_id = ""
        self.hold(keys)

    def hold(self, keys: Sequence[bytes]) -> None:
        """Replace all keys; the first signs."""
        self._keys = {key_id(key): key for key in keys}
        self._signing_id = key_id(keys[0])

    def signing(self) -> tuple[str, bytes]:
        """Return the id and the secret of the key that signs."""
        return self._signing_id, self._keys[self._signing_id]

    async def find(self, wanted_id: str) -> bytes | None:
        """Return the secret of a key that verifies, or None. The id is a stranger's word."""
        return self._keys.get(wanted_id)


class StoredKeyring(Keyring):
    """Keys that every gateway of the store shares.

    Args:
        database: The store.
        keys: What it holds.
        clock: To look again for an unknown key once in a second, however often one is shown.
    """

    def __init__(self, database: Database, keys: Sequence[bytes], clock: Clock) -> None:
        super().__init__(keys)
        self._database = database
        self._clock = clock
        self._looked_at_s = clock.monotonic_s()
        self._looking = asyncio.Lock()

    async def find(self, wanted_id: str) -> bytes | None:
        found = await super().find(wanted_id)
        if found is not None:
            return found
        async with self._looking:
            # Another gateway may sign with it already.
            if self._clock.monotonic_s() - self._looked_at_s >= _LOOK_AGAIN_S:
                await self.look()
        return await super().find(wanted_id)

    async def look(self) -> None:
        """Read the keys anew. Raises as a statement does."""
        self._looked_at_s = self._clock.monotonic_s()
        self.hold(await _kept(self._database.run, self._clock.time_ms()))


async def open_keyring(database: Database, marks: Marks, clock: Clock) -> StoredKeyring:
    """Return the keys of the store, where one is made the first time. Raises as a statement does."""
    async with database.transaction(lock=SIGNING_KEYS) as run:
        keys = await _kept(run, clock.time_ms()) or [await _add(run, clock.time_ms())]
    keyring = StoredKeyring(database, keys, clock)

    async def heard(_known: int, _version: int) -> None:
        await keyring.look()

    await marks.listen(SIGNING_KEYS, heard)
    return keyring


async def has_key(database: Database) -> bool:
    """Return whether the store has a key that signs. Raises as a statement does."""
    return bool(await database.run("SELECT 1 FROM signing_keys WHERE retired_at_ms IS NULL"))


async def rotate_keys(database: Database, clock: Clock) -> str:
    """Sign with a new key from now on, at every gateway; returns its id.

    The one before verifies until its last token is over. Raises as a statement does.
    """
    now_ms = clock.time_ms()
    async with database.transaction(lock=SIGNING_KEYS) as run:
        await run("DELETE FROM signing_keys WHERE retired_at_ms < $1", now_ms - _LONGEST_TTL_MS)
        await run("UPDATE signing_keys SET retired_at_ms = $1 WHERE retired_at_ms IS NULL", now_ms)
        key = await _add(run, now_ms)
        await mark(run, SIGNING_KEYS)
    logger.info("Tokens are signed with a new key.", action="signing_key_rotated", key_id=key_id(key))
    return key_id(key)


def key_id(key: bytes) -> str:
    """Return the `kid` of a key."""
    return hashlib.sha256(b"kid:" + key).hexdigest()[:16]


async def _add(run: Run, now_ms: int) -> bytes:
    key = secrets.token_bytes(32)
    await run("INSERT INTO signing_keys (secret, created_at_ms) VALUES ($1, $2)", key, now_ms)
    return key


async def _kept(run: Run, now_ms: int) -> list[bytes]:
    """Return the keys that verify, the one that signs first."""
    rows = await run(
        "SELECT secret FROM signing_keys WHERE retired_at_ms IS NULL OR retired_at_ms > $1"
        " ORDER BY retired_at_ms IS NULL DESC, created_at_ms DESC",
        now_ms - _LONGEST_TTL_MS,
    )
    return [row[0] for row in rows]
