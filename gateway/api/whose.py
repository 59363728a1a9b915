"""Whose keys, codes and sessions a request is about, and whether the caller may see to them."""

from gateway.auth.caller import Caller
from gateway.auth.scopes import ADMIN, joined
from services.chassis.errors import ClipferryError, Reason


def whose(caller: Caller, user: str | None) -> str:
    """Return the user that a request names; None names the caller.

    Raises:
        ClipferryError: PERMISSION_DENIED for another user, except for admins.
    """
    if user is None or user == caller.user_id:
        return caller.user_id
    caller.need(ADMIN)
    return user


def check_whole(caller: Caller, denied: str) -> None:
    """Check that the credentials may do all that their user may: others must not shut the user out, nor outgrow him.

    Args:
        caller: Who asks.
        denied: What others may not do, in the words after *Credentials that are limited to …*.

    Raises:
        ClipferryError: PERMISSION_DENIED.
    """
    if caller.is_limited:
        said = f"Credentials that are limited to {joined(caller.scopes) or 'nothing'} {denied}."
        raise ClipferryError(Reason.PERMISSION_DENIED, said)
