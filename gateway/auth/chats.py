"""Which chats a user may send to."""

import re
from collections.abc import Iterable

from services.chassis.errors import ClipferryError, Reason, field_invalid

ANY = "*"
"""In a list of chats: all there are."""
DEFAULT = "default"
"""In a list of chats: the operator's, where a job without a destination goes. New users have this one."""
_CHAT = re.compile(r"-?[1-9][0-9]{0,18}|@[a-z0-9_]{4,32}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}")
_LIMIT = 100


def checked_chats(chats: Iterable[str]) -> frozenset[str]:
    """Return a list of chats as it is kept.

    Raises:
        ClipferryError: FIELD_INVALID for what is no chat, or for too many.
    """
    found = frozenset(_normal(chat) for chat in chats)
    if len(found) > _LIMIT:
        raise field_invalid("chats", f"must be at most {_LIMIT}, not {len(found)}", limit_count=_LIMIT)
    for chat in found:
        if chat not in (ANY, DEFAULT) and not _CHAT.fullmatch(chat):
            raise field_invalid("chats", f"must be chat ids, @names, {DEFAULT} or {ANY}", chat)
    return found


def check_chat(user_id: str, chat: str, allowed: frozenset[str]) -> None:
    """Check that a user may send to `chat`; empty is the operator's.

    Raises:
        ClipferryError: PERMISSION_DENIED, naming the chat and who can help.
    """
    wanted = _normal(chat) or DEFAULT
    if ANY in allowed or wanted in allowed:
        return
    named = f"the chat {chat[:64]}" if chat else "the operator's chat"
    raise ClipferryError(
        Reason.PERMISSION_DENIED,
        f"The user {user_id} may not send to {named}; ask an admin to allow it.",
        chat=wanted[:64],
    )


def _normal(chat: str) -> str:
    """Return `chat` as it compares: names do not tell A from a, and +01 is 1."""
    chat = chat.strip().lower()
    return str(int(chat)) if _NUMBER.fullmatch(chat) else chat
