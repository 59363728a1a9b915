"""What the command's exit status says, and the error that ends it."""

from collections.abc import Mapping
from typing import Any

OK = 0
FAILED = 1
"""A job failed or was cancelled, the gateway refused what was asked, or something is not healthy."""
USAGE = 2
UNREACHABLE = 3
DENIED = 4
"""Not signed in, or not allowed."""
INTERRUPTED = 130
WRONG_SETTINGS = 78


class CommandError(Exception):
    """The command cannot go on.

    Args:
        code: A reason of docs/reasons.md.
        message: A sentence for people.
        status: Exit status.
        facts: Whatever else the gateway said of it.
    """

    def __init__(self, code: str, message: str, status: int = FAILED, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.facts = dict(facts or {})


def unreachable(message: str) -> CommandError:
    """Return the error of a gateway that does not answer."""
    return CommandError("UNAVAILABLE", message, UNREACHABLE)


def not_signed_in(message: str) -> CommandError:
    """Return the error of somebody whom the gateway does not know."""
    return CommandError("UNAUTHENTICATED", message, DENIED)
