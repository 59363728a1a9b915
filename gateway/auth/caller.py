"""Who is calling, and what for."""

from dataclasses import dataclass

from gateway.auth import scopes
from gateway.auth.chats import check_chat
from services.chassis.errors import ClipferryError, Reason


@dataclass(frozen=True, slots=True)
class Caller:
    """What valid credentials say."""

    user_id: str
    """Owner of the caller's jobs."""
    session_id: str
    """The sign-in that the credentials belong to."""
    expires_at_s: int
    """Seconds since 1970."""
    scopes: frozenset[str]
    """What the credentials may be used for."""
    chats: frozenset[str]
    """Chats that the user may send to; see `gateway.auth.chats`."""
    is_limited: bool = False
    """Whether the credentials may be used for less than the user's role may do."""
    has_admin_role: bool = False
    """Whether the user is an admin, whatever the credentials may be used for."""

    @property
    def is_admin(self) -> bool:
        """Whether the caller acts for everybody: an admin whose credentials say so."""
        return scopes.ADMIN in self.scopes

    @property
    def owner_filter(self) -> str:
        """Whose jobs the caller may see: one owner, or everybody's when empty."""
        return "" if self.is_admin else self.user_id

    @property
    def counted(self) -> str:
        """Whose jobs the numbers count that the caller may see: one owner's, or everybody's when empty.

        An admin's key that may do nothing but count counts what the admin sees. It is the same for all of a session:
        another role ends that.
        """
        return "" if self.is_admin or self.has_admin_role else self.user_id

    def sees(self, owner: str) -> bool:
        """Return whether the caller may see a job of `owner`."""
        return self.is_admin or owner == self.user_id

    def need(self, scope: str) -> None:
        """Check that the credentials may be used for this.

        Raises:
            ClipferryError: PERMISSION_DENIED, naming the scope.
        """
        if scope not in self.scopes:
            raise ClipferryError(
                Reason.PERMISSION_DENIED,
                f"This needs the scope {scope}; the credentials have {scopes.joined(self.scopes) or 'none'}.",
                scope=scope,
            )

    def check_chat(self, chat: str) -> None:
        """Check that the caller may send to a chat.

        Args:
            chat: Its id or @name, as in `JobSpec.destination`; empty for the operator's chat.

        Raises:
            ClipferryError: PERMISSION_DENIED, naming the chat.
        """
        if not self.is_admin:
            check_chat(self.user_id, chat, self.chats)
