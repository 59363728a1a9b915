"""How much of a file goes into one message: few messages on a fast line, many small steps of progress on a slow one."""

LEAST_BYTES = 64 * 1024
_GROWTH = 4
_STEP_S = 0.1
"""How long a part should be under way: progress moves by whole parts."""


class PartSize:
    """The size of the next part: what gets through in a moment, as far as is known.

    Args:
        most_bytes: Largest part. At least 1.
        begun_at_s: When the first part goes out, in monotonic seconds.
    """

    def __init__(self, most_bytes: int, *, begun_at_s: float) -> None:
        self.least_bytes = min(LEAST_BYTES, most_bytes)
        self.bytes = self.least_bytes
        """1 to `most_bytes`."""
        self._most_bytes = most_bytes
        self._sent_bytes = 0
        self._heard_at_s = begun_at_s

    def heard(self, sent_bytes: int, *, now_s: float) -> None:
        """Note that so much of the file has got through by now. One look makes parts four times as large at most.

        The first ones land in buffers on the way, which says nothing of the line.
        """
        # Two reports may come in one turn of the loop.
        passed_s = max(now_s - self._heard_at_s, 0.001)
        wanted_bytes = round((sent_bytes - self._sent_bytes) / passed_s * _STEP_S)
        self._sent_bytes, self._heard_at_s = sent_bytes, now_s
        self.bytes = max(self.least_bytes, min(wanted_bytes, _GROWTH * self.bytes, self._most_bytes))
