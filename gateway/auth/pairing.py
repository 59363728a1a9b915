"""Pairing codes: a way in that works once, short enough to type."""

import secrets
from dataclasses import dataclass

from gateway.auth.digests import digest, normal_code
from gateway.auth.users import let_in
from gateway.store.database import Database
from services.chassis.clock import Clock

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 10


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A one-time way in."""

    code: str
    user_id: str
    expires_at_ms: int


class PairingCodes:
    """Makes codes of 50 random bits and takes each back once."""

    def __init__(self, database: Database, *, ttl_s: int, clock: Clock) -> None:
        self._database = database
        self._ttl_s = ttl_s
        self._clock = clock

    async def add(self, user_id: str, role: str) -> PairingCode:
        """Make a code for a user, who is added if new.

        Raises:
            ClipferryError: FIELD_INVALID for a bad name, or when the user has another role.
        """
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        now_ms = self._clock.time_ms()
        expires_at_ms = now_ms + self._ttl_s * 1000
        async with self._database.transaction() as run:
            await let_in(run, user_id, role, now_ms)
            await run("DELETE FROM pairing_codes WHERE expires_at_ms <= $1", now_ms)
            await run(
                "INSERT INTO pairing_codes (hash, user_id, expires_at_ms) VALUES ($1, $2, $3)",
                digest(code),
                user_id,
                expires_at_ms,
            )
        return PairingCode(f"{code[:5]}-{code[5:]}", user_id, expires_at_ms)

    async def take(self, code: str) -> str | None:
        """Use a code up, however it was typed; returns whom it signs in, or None if it is wrong, used or too old."""
        rows = await self._database.run(
            "DELETE FROM pairing_codes WHERE hash = $1 AND expires_at_ms > $2 RETURNING user_id",
            digest(normal_code(code)),
            self._clock.time_ms(),
        )
        return rows[0][0] if rows else None
