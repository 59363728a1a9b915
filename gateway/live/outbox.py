"""What waits for a client that does not read as fast as it is told things."""

from collections import deque
from collections.abc import Hashable


class Outbox:
    """Frames that must arrive, in their order, and the newest frame of each key; those that must arrive go first."""

    def __init__(self) -> None:
        self._owed: deque[bytes] = deque()
        self._latest: dict[Hashable, bytes] = {}
        self._begun = memoryview(b"")
        self.owed_bytes = 0
        """Bytes of the frames that must arrive and have not begun to leave."""

    def __bool__(self) -> bool:
        return bool(self._begun or self._owed or self._latest)

    @property
    def owed_count(self) -> int:
        """Frames that must arrive and have not begun to leave."""
        return len(self._owed)

    def owe(self, frame: bytes) -> None:
        """Add a frame that must arrive."""
        self._owed.append(frame)
        self.owed_bytes += len(frame)

    def put(self, frame: bytes, key: Hashable) -> None:
        """Add a frame in the place of the one of `key`; the newest also comes last."""
        self._latest.pop(key, None)
        self._latest[key] = frame

    def forget(self, key: Hashable) -> None:
        """Drop the frame of `key`, if any waits."""
        self._latest.pop(key, None)

    def take(self, size_bytes: int) -> bytes:
        """Return the next bytes to write: parts of one frame, or as many whole ones as fit into `size_bytes`."""
        if self._begun:
            part, self._begun = self._begun[:size_bytes], self._begun[size_bytes:]
            return bytes(part)
        taken: list[bytes] = []
        free_bytes = size_bytes
        while (frame := self._first()) is not None and len(frame) <= free_bytes:
            taken.append(self._pop())
            free_bytes -= len(frame)
        if not taken and frame is not None:
            self._begun = memoryview(self._pop())
            return self.take(size_bytes)
        return b"".join(taken)

    def take_begun(self) -> bytes:
        """Return the rest of the frame that has begun to leave, and forget all others."""
        rest = bytes(self._begun)
        self.clear()
        return rest

    def clear(self) -> None:
        """Forget everything."""
        self._owed.clear()
        self._latest.clear()
        self._begun = memoryview(b"")
        self.owed_bytes = 0

    def _first(self) -> bytes | None:
        if self._owed:
            return self._owed[0]
        return next(iter(self._latest.values()), None)

    def _pop(self) -> bytes:
        if self._owed:
            frame = self._owed.popleft()
            self.owed_bytes -= len(frame)
            return frame
        return self._latest.pop(next(iter(self._latest)))
