"""Names of chats: one chat has one, however a request writes it, and the one it has moved to."""

from collections import OrderedDict

KEEP_COUNT = 10_000
"""How many moves are remembered; the oldest is forgotten first."""


def one_name(destination: str) -> str:
    """Return the same name for every way to write a chat."""
    return destination.lower() if destination.startswith("@") else str(int(destination))


class MovedChats:
    """Groups that have become supergroups: Telegram refuses their old ids for good."""

    def __init__(self) -> None:
        self._moves: OrderedDict[str, str] = OrderedDict()

    def note(self, old: str, new: str) -> None:
        """Remember that `old` is `new` now."""
        self._moves[one_name(old)] = new
        if len(self._moves) > KEEP_COUNT:
            self._moves.popitem(last=False)

    def where(self, destination: str) -> str:
        """Return where `destination` is now."""
        return self._moves.get(one_name(destination), destination)
