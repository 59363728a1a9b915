"""What a child says to its parent: lines in order, those on progress not too often, and the newest always."""

import socket
import threading
import time

INTERVAL_S = 0.05
"""Least seconds between two lines on progress."""


class Voice:
    """The child's end of the channel; several threads may speak.

    A line on progress goes at once after a pause. Else it waits for its time, when a newer one may have taken its
    place, but no later line overtakes it: what arrived before a site fell silent is told while it is silent.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._changed = threading.Condition()
        self._newest: bytes | None = None
        self._next_at_s = 0.0
        self._late: threading.Thread | None = None

    def say(self, line: bytes) -> None:
        """Send `line` now."""
        with self._changed:
            self._send_newest()
            self._channel.sendall(line)

    def say_progress(self, line: bytes) -> None:
        """Send `line`, or a newer one on progress, within `INTERVAL_S`."""
        with self._changed:
            self._newest = line
            if time.monotonic() >= self._next_at_s:
                self._send_newest()
            elif self._late is None:
                self._late = threading.Thread(target=self._send_late, name="late-progress", daemon=True)
                self._late.start()
            else:
                self._changed.notify()

    def _send_late(self) -> None:
        with self._changed:
            while True:
                wait_s = self._next_at_s - time.monotonic()
                if self._newest is None:
                    self._changed.wait()
                elif wait_s > 0:
                    self._changed.wait(wait_s)
                else:
                    self._send_newest()

    def _send_newest(self) -> None:
        line, self._newest = self._newest, None
        if line is not None:
            self._next_at_s = time.monotonic() + INTERVAL_S
            self._channel.sendall(line)
