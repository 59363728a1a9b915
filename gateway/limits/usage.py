"""What each user has used of a day, in the store."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.store.database import Database

_MS_PER_DAY = 86_400_000
_KEPT_DAYS = 2


@dataclass(frozen=True, slots=True)
class Used:
    """What a user has used of a day, and whether one more job was let in."""

    job_count: int
    size_bytes: int
    is_admitted: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """A job whose video has arrived."""

    sequence: int
    """Of the event that tells of it."""
    owner: str
    day: int
    size_bytes: int


def day_of(time_ms: int) -> int:
    """Return the day (UTC) of milliseconds since 1970, counted from then."""
    return time_ms // _MS_PER_DAY


def day_ends_in_s(time_ms: int) -> float:
    """Return seconds to the end of the day."""
    return (_MS_PER_DAY - time_ms % _MS_PER_DAY) / 1000


# One statement decides and counts: of two that ask at once for the last place, one gets it.
_TAKE = """
INSERT INTO usage AS kept (user_id, day, job_count, size_bytes, is_admitted)
VALUES ($1, CAST($2 AS integer), 1, 0, 1)
ON CONFLICT (user_id, day) DO UPDATE SET
  job_count = kept.job_count + CASE
    WHEN kept.job_count < CAST($3 AS integer) AND kept.size_bytes < CAST($4 AS bigint) THEN 1 ELSE 0 END,
  is_admitted = CASE
    WHEN kept.job_count < CAST($3 AS integer) AND kept.size_bytes < CAST($4 AS bigint) THEN 1 ELSE 0 END
RETURNING job_count, size_bytes, is_admitted
"""
_GIVE_BACK = "UPDATE usage SET job_count = job_count - 1 WHERE user_id = $1 AND day = CAST($2 AS integer)"
_ADD = """
INSERT INTO usage AS kept (user_id, day, job_count, size_bytes, is_admitted)
VALUES ($1, CAST($2 AS integer), 0, CAST($3 AS bigint), 1)
ON CONFLICT (user_id, day) DO UPDATE SET size_bytes = kept.size_bytes + CAST($3 AS bigint)
"""
_CURSOR = "SELECT sequence FROM usage_cursor WHERE id = 1"
_MOVE_CURSOR = """
INSERT INTO usage_cursor (id, sequence) VALUES (1, CAST($1 AS bigint))
ON CONFLICT (id) DO UPDATE SET sequence = CAST($1 AS bigint)
"""


class Usage:
    """Counts jobs when they are let in, and bytes when they have arrived."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, owner: str, day: int, *, jobs: int, size_bytes: int) -> Used:
        """Count one more job if fewer than `jobs` and fewer than `size_bytes` bytes are used.

        Raises:
            ClipferryError: STORE_UNAVAILABLE.
        """
        ((job_count, used_bytes, is_admitted),) = await self._database.run(_TAKE, owner, day, jobs, size_bytes)
        return Used(job_count, used_bytes, bool(is_admitted))

    async def give_back(self, owner: str, day: int) -> None:
        """Take back one job that `take` counted."""
        await self._database.run(_GIVE_BACK, owner, day)

    async def cursor(self) -> int | None:
        """Return the sequence up to which deliveries are counted; None at the very beginning."""
        rows = await self._database.run(_CURSOR)
        return int(rows[0][0]) if rows else None

    async def add(self, deliveries: Iterable[Delivered], sequence: int) -> None:
        """Count deliveries, each once, however many gateways tell of it.

        Args:
            deliveries: In the order of their sequences.
            sequence: Everything up to here has been looked at.
        """
        async with self._database.transaction(lock="usage") as run:
            rows = await run(_CURSOR)
            counted = int(rows[0][0]) if rows else 0
            for each in deliveries:
                if each.sequence > counted:
                    await run(_ADD, each.owner, each.day, each.size_bytes)
            if sequence > counted:
                await run(_MOVE_CURSOR, sequence)

    async def start_over(self) -> None:
        """Forget the cursor: the queue's log does not hold it any more."""
        await self._database.run("DELETE FROM usage_cursor")

    async def sweep(self, day: int) -> None:
        """Forget the days before yesterday."""
        await self._database.run("DELETE FROM usage WHERE day < CAST($1 AS integer)", day - _KEPT_DAYS + 1)
