"""What one run holds of the memory, from its first guess to its finished file."""

from collections.abc import Callable

from services.processor.core.growth import allowed_bytes, wanted_memory
from services.processor.core.plan import Limits, Plan
from services.processor.core.ports import Fetch
from services.processor.core.room import EvictedError, Room
from services.processor.core.run import Moved


class Holding:
    """The memory of one run.

    Args:
        holder: The run, by the name that nobody else has.
        on_wait: Called before it waits for others to give memory back.
        on_resize: Called with what it holds, whenever that has changed on the way of a download.
    """

    def __init__(
        self, holder: str, room: Room, *, on_wait: Callable[[], None], on_resize: Callable[[int], None]
    ) -> None:
        self._holder = holder
        self._room = room
        self._on_wait = on_wait
        self._on_resize = on_resize
        self._held_bytes = 0
        self._outgrown_bytes = 0

    @property
    def was_evicted(self) -> bool:
        """Whether it has lost what it held, and holds from then on what it turned out to need."""
        return self._outgrown_bytes > 0

    def evicted(self, error: EvictedError) -> None:
        """Keep in mind what it turned out to need."""
        self._outgrown_bytes = error.wanted_bytes

    async def reserve(self, wanted_bytes: int) -> int:
        """Hold that much before a download begins, once it can be had; returns what is held."""
        self._held_bytes = max(wanted_bytes, self._outgrown_bytes)
        if not self._room.take(self._holder, self._held_bytes):
            self._on_wait()
            await self._room.wait(self._holder, self._held_bytes, was_evicted=self.was_evicted)
        return self._held_bytes

    def open(self, fetch: Fetch, plan: Plan) -> None:
        """Let a download take in what is held for it."""
        fetch.allow(allowed_bytes(self._held_bytes, plan))

    async def follow(self, fetch: Fetch, moved: Moved, plan: Plan, limits: Limits) -> None:
        """Hold what a download needs by now, and stop it for as long as there is not so much.

        Raises:
            EvictedError: It holds nothing any more.
        """
        wanted_bytes = wanted_memory(moved, plan, limits, held_bytes=self._held_bytes)
        if wanted_bytes <= self._held_bytes:
            return
        if not self._room.grow(self._holder, wanted_bytes):
            self._on_wait()
            fetch.pause()
            await self._room.wait_to_grow(self._holder, wanted_bytes)
            fetch.resume()
        self._held_bytes = wanted_bytes
        self.open(fetch, plan)
        self._on_resize(wanted_bytes)

    async def settle(self, size_bytes: int) -> None:
        """Hold what a finished file needs, which is mostly less than its download did.

        Raises:
            EvictedError: It holds nothing any more.
        """
        if size_bytes > self._held_bytes and not self._room.grow(self._holder, size_bytes):
            self._on_wait()
            await self._room.wait_to_grow(self._holder, size_bytes)
        self._room.correct(self._holder, size_bytes)

    def free(self) -> None:
        """Give everything back."""
        self._room.free(self._holder)
