"""Who is calling."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """What a valid access token says."""

    user_id: str
    """Owner of the caller's jobs."""
    is_admin: bool
    session_id: str
    """The sign-in the token belongs to."""
    expires_at_s: int
    """Seconds since 1970."""

    @property
    def owner_filter(self) -> str:
        """Whose jobs the caller may see: one owner, or everybody's when empty."""
        return "" if self.is_admin else self.user_id

    def sees(self, owner: str) -> bool:
        """Return whether the caller may see a job of `owner`."""
        return self.is_admin or owner == self.user_id
