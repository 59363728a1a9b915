"""Who has an API key, and for what it is good now."""

from dataclasses import dataclass

from gateway.auth.digests import digest
from gateway.auth.scopes import OF_ROLE, taken_apart
from gateway.store.database import Database
from services.chassis.errors import ClipferryError, Reason

_USED_EVERY_MS = 3_600_000
"""How exactly the last use of a key is kept."""


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The user of a valid key."""

    id: str
    user_id: str
    role: str
    limited_to: str
    """Scopes as they are kept; empty: all that the role may do."""
    chats: frozenset[str]
    expires_at_ms: int | None

    @property
    def scopes(self) -> frozenset[str]:
        """What the key may be used for."""
        return scopes_of(self.role, self.limited_to)


async def find_key(
    database: Database, shown: str, now_ms: int, unknown: str = "The API key is not valid."
) -> KeyHolder:
    """Return the user of a key, and note that it was used.

    Args:
        database: The store.
        shown: The key.
        now_ms: Milliseconds since 1970.
        unknown: What is said of a key that nobody has.

    Raises:
        ClipferryError: UNAUTHENTICATED for a key that is not valid or too old; STORE_UNAVAILABLE.
    """
    rows = await database.run(
        "SELECT k.id, u.id, u.role, k.scopes, u.chats, k.expires_at_ms, k.used_at_ms, u.is_enabled"
        " FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.hash = $1",
        digest(shown),
    )
    if not rows:
        raise ClipferryError(Reason.UNAUTHENTICATED, unknown)
    key_id, user_id, role, limited_to, chats, expires_at_ms, used_at_ms, is_enabled = rows[0]
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise ClipferryError(Reason.UNAUTHENTICATED, "The API key has expired.")
    check_enabled(user_id, is_enabled)
    if used_at_ms is None or used_at_ms < now_ms - _USED_EVERY_MS:
        await database.run("UPDATE api_keys SET used_at_ms = $1 WHERE id = $2", now_ms, key_id)
    return KeyHolder(key_id, user_id, role, limited_to, taken_apart(chats), expires_at_ms)


def check_enabled(user_id: str, is_enabled: int) -> None:
    """Check that a user is not disabled.

    Raises:
        ClipferryError: UNAUTHENTICATED.
    """
    if not is_enabled:
        raise ClipferryError(Reason.UNAUTHENTICATED, f"The user {user_id} is disabled.")


def scopes_of(role: str, limited_to: str) -> frozenset[str]:
    """Return what a user of `role` may do with what is limited to these scopes; empty is not limited."""
    return OF_ROLE[role] & taken_apart(limited_to) if limited_to else OF_ROLE[role]
