"""What a gateway has answered, and its refusals as errors of the command."""

import json
from typing import Any

from cli.exits import DENIED, FAILED, UNREACHABLE, USAGE, CommandError, unreachable

_STATUS = {401: DENIED, 403: DENIED, 502: UNREACHABLE, 503: UNREACHABLE, 504: UNREACHABLE}
_OF_A_PROXY = (502, 503, 504)


class Answer:
    """What the gateway answered, or whatever else is at its address.

    Args:
        url: Who was asked.
        status: HTTP status.
        content: Body.
        location: Where a redirect leads.
    """

    def __init__(self, url: str, status: int, content: bytes, location: str = "") -> None:
        self.status = status
        found = _parsed(content)
        self.body: dict[str, Any] = found or {}
        """JSON object; empty when there was none."""
        self._url = url
        self._is_json = found is not None
        self._location = location

    @property
    def is_success(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300 and self._is_json

    def error(self) -> CommandError:
        """Return a refusal as an error."""
        # Each refusal of a gateway has its reason.
        if "code" not in self.body or "detail" not in self.body:
            return self.foreign()
        known = {"code", "detail", "type", "title", "instance"}
        facts = {name: value for name, value in self.body.items() if name not in known}
        code = str(self.body["code"])
        status = USAGE if code == "FIELD_INVALID" else _STATUS.get(self.status, FAILED)
        return CommandError(code, str(self.body["detail"]), status, facts)

    def foreign(self) -> CommandError:
        """Return the answer of something that is no gateway as an error."""
        if self._location:
            return unreachable(
                f"{self._url} sends on to {self._location}: if the gateway is there, use that as its address."
            )
        if self.status in _OF_A_PROXY:
            return unreachable(
                f"What answers at {self._url} cannot reach the gateway behind it (status {self.status})."
            )
        return unreachable(
            f"What answers at {self._url} does not look like a clipferry gateway (status {self.status})."
        )


def _parsed(content: bytes) -> dict[str, Any] | None:
    """Return a JSON object, empty if there is nothing; None if it is something else."""
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
