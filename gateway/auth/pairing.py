"""Pairing codes: a way in that works once, short enough to type."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.auth.digests import digest, normal_code
from gateway.auth.users import ACCESS_LOCK, holder_role
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

    async def add(self, user_id: str, *, made_by: str = "") -> PairingCode:
        """Make a code for a user.

        Args:
            user_id: Name.
            made_by: Id of the key that whoever makes it for himself came with; empty: none. It ends with that key, and
                so does what it lets in.

        Raises:
            ClipferryError: As of `holder_role`.
        """
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        now_ms = self._clock.time_ms()
        expires_at_ms = now_ms + self._ttl_s * 1000
        async with self._database.transaction(lock=ACCESS_LOCK) as run:
            await holder_role(run, user_id)
            await run("DELETE FROM pairing_codes WHERE expires_at_ms <= $1", now_ms)
            await run(
                "INSERT INTO pairing_codes (hash, id, user_id, created_at_ms, expires_at_ms, made_by)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                digest(code),
                secrets.token_urlsafe(9),
                user_id,
                now_ms,
                expires_at_ms,
                made_by,
            )
        return PairingCode(f"{code[:5]}-{code[5:]}", user_id, expires_at_ms)

    async def all(self, user_id: str | None) -> Sequence[PairingEntry]:
        """Return the codes of a user, or of everybody, that are still good, oldest first."""
        rows = await self._database.run(
            "SELECT id, user_id, created_at_ms, expires_at_ms FROM pairing_codes"
            " WHERE expires_at_ms > $1 AND (user_id = $2 OR $2 = '') ORDER BY created_at_ms, id",
            self._clock.time_ms(),
            user_id or "",
        )
        return [PairingEntry(*row) for row in rows]

    async def remove(self, code_id: str, user_id: str | None) -> None:
        """Take back a code that is not used.

        Args:
            code_id: Which one.
            user_id: Whose it must be; None: anybody's.

        Raises:
            ClipferryError: CODE_NOT_FOUND when there is no such code, or it is somebody else's.
        """
        remove = "DELETE FROM pairing_codes WHERE id = $1 AND (user_id = $2 OR $2 = '') RETURNING id"
        if not await self._database.run(remove, code_id, user_id or ""):
            raise ClipferryError(Reason.CODE_NOT_FOUND, f"There is no pairing code with the id {code_id[:64]!r}.")

    async def take(self, code: str) -> tuple[str, str] | None:
        """Use a code up, however it was typed.

        Returns:
            Whom it signs in, and `made_by`; None if it is wrong, used or too old.
        """
        rows = await self._database.run(
            "DELETE FROM pairing_codes WHERE hash = $1 AND expires_at_ms > $2 RETURNING user_id, made_by",
            digest(normal_code(code)),
            self._clock.time_ms(),
        )
        return (str(rows[0][0]), str(rows[0][1])) if rows else None
