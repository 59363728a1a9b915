"""Who looks at whose jobs: what happens to one owner's job costs only those who look at it."""

from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

W = TypeVar("W")


class Audience(Generic[W]):
    """Watchers by the owners that they look at."""

    def __init__(self) -> None:
        self._of_owner: dict[str, set[W]] = {}
        self._of_all: set[W] = set()

    def join(self, watcher: W, owners: Collection[str] | None) -> None:
        """Let `watcher` look at the jobs of `owners`; None: at everybody's."""
        if owners is None:
            self._of_all.add(watcher)
            return
        for owner in owners:
            self._of_owner.setdefault(owner, set()).add(watcher)

    def leave(self, watcher: W, owners: Collection[str] | None) -> None:
        """Undo `join` with the same `owners`."""
        if owners is None:
            self._of_all.discard(watcher)
            return
        for owner in owners:
            here = self._of_owner[owner]
            here.discard(watcher)
            if not here:
                del self._of_owner[owner]

    def of(self, owner: str) -> Iterator[W]:
        """Yield each watcher that looks at the jobs of `owner` once."""
        yield from self._of_owner.get(owner, ())
        yield from self._of_all
