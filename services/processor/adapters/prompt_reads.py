"""Lets yt-dlp see bytes when they arrive: it reports after each block, and http.client fills a block before it returns.

yt-dlp makes its blocks as large as what comes in a second, so a bar would move once a second, and stand still for a
minute when a fast site turns slow.
"""

import http.client
import select

BLOCK_BYTES = 1024 * 1024
"""Most bytes of one read of a download, and thus of one report. Only a fast site ever fills one."""
_ENOUGH_BYTES = 256 * 1024
"""Of one read: what has arrived beyond it is left to the next one, because joining copies."""


class PromptResponse(http.client.HTTPResponse):
    """A response whose reads of a whole block return what has arrived, and wait only while nothing has."""

    def read(self, amt: int | None = None) -> bytes:
        # Short reads are those that look at the beginning of a page, and count on getting all that they ask for.
        if amt is None or amt < BLOCK_BYTES:
            return super().read(amt)
        pieces = [self.read1(amt)]
        got_bytes = len(pieces[0])
        # One read is one TLS record at most: that would be hundreds of reports for a few megabytes.
        while pieces[-1] and got_bytes < _ENOUGH_BYTES and self._has_more():
            pieces.append(self.read1(amt - got_bytes))
            got_bytes += len(pieces[-1])
        if self.length == 0:
            # As a full read does. Nobody else would hang up before the next garbage collection.
            self.close()
        return b"".join(pieces)

    def _has_more(self) -> bool:
        return self.length != 0 and not self.isclosed() and bool(select.select([self], [], [], 0)[0])


def install() -> None:
    """Make all HTTP of this process prompt."""
    http.client.HTTPConnection.response_class = PromptResponse
