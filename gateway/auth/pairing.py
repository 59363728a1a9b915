"""Pairing codes: a way in that works once, short enough to type."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.auth.digests import digest, normal_code
from gateway.auth.users import ACCESS_LOCK, let_in
from gateway.store.database import Database
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 10


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A one-time way in."""

    code: str
    user_id: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class PairingEntry:
    """What is known of a code that is not used; never the code."""

    id: str
    user_id: str
    created_at_ms: int
    expires_at_ms: int


class PairingCodes:
    """Makes codes of 50 random bits and takes each back once."""

    def __init__(self, database: Database, *, ttl_s: int, clock: Clock) -> None:
        self._database = database
        self._ttl_s = ttl_s
        self._clock = clock

    async def add(self, user_id: str, role: str | None) -> PairingCode:
        """Make a code for a user, who is added if new. Arguments and errors are those of `let_in`."""
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        now_ms = self._clock.time_ms()
        expires_at_ms = now_ms + self._ttl_s * 1000
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            await let_in(run, user_id, role, now_ms)
            await run("DELETE FROM pairing_codes WHERE expires_at_ms <= $1", now_ms)
            await run(
                "INSERT INTO pairing_codes (hash, id, user_id, created_at_ms, expires_at_ms)"
                " VALUES ($1, $2, $3, $4, $5)",
                digest(code),
                secrets.token_urlsafe(9),
                user_id,
                now_ms,
                expires_at_ms,
            )
        return PairingCode(f"{code[:5]}-{code[5:]}", user_id, expires_at_ms)

    async def all(self) -> Sequence[PairingEntry]:
        """Return the codes that are still good, oldest first."""
        rows = await self._database.run(
            "SELECT id, user_id, created_at_ms, expires_at_ms FROM pairing_codes WHERE expires_at_ms > $1"
            " ORDER BY created_at_ms, id",
            self._clock.time_ms(),
        )
        return [PairingEntry(*row) for row in rows]

    async def remove(self, code_id: str) -> None:
        """Take back a code that is not used.

        Raises:
            ClipferryError: ROUTE_NOT_FOUND when there is no such code.
        """
        if not await self._database.run("DELETE FROM pairing_codes WHERE id = $1 RETURNING id", code_id):
            raise ClipferryError(Reason.ROUTE_NOT_FOUND, f"There is no pairing code with the id {code_id[:64]!r}.")

    async def take(self, code: str) -> str | None:
        """Use a code up, however it was typed; returns whom it signs in, or None if it is wrong, used or too old."""
        rows = await self._database.run(
            "DELETE FROM pairing_codes WHERE hash = $1 AND expires_at_ms > $2 RETURNING user_id",
            digest(normal_code(code)),
            self._clock.time_ms(),
        )
        return rows[0][0] if rows else None
