"""What people ask for and how long it takes: where each number is from stands beside it."""

import itertools
import math
import random
from bisect import bisect
from typing import NamedTuple

USERS_COUNT = 100_000
LOOKING_SHARE = 0.1
"""Of the users, how many have a page or an extension connected. Assumed."""

_EVEN_COUNT = 1_000
"""How skewed the users are: the k-th asks for 1/(1,000 + k) of the whole, as in the law of Zipf and Mandelbrot. Without
the 1,000 the first of 100,000 would ask for 8 % of it: four videos a second of fifty. Assumed."""

_START_UP_S = 0.18
"""From the assignment to the first byte: what a warm start took (goal P1, trial)."""

_MEDIAN_BYTES, _SPREAD, _MOST_BYTES = 12e6, 0.9, 50e6
"""Sizes: log-normal, cut off where Telegram's cloud cuts off. The median is assumed: between 5 and 40 MB (goal P1)."""

_SLOWEST_SITE, _FASTEST_SITE = 2e6, 15e6
"""Bytes per second from a site, log-uniform: one connection of 5 MB/s gave 15 MB/s with four fragments at once."""

_BYTES_PATH = 500e6
"""Bytes per second from processor through notifier: 400 to 800 measured (goal P2)."""
_TELEGRAM = 20e6
"""Bytes per second that Telegram takes: the slow sink of the measurements."""
_ANSWER_S = 0.3
"""From the last byte to Telegram's answer. Assumed."""

_FAILING_SHARE = 0.02
"""Runs that fail after the download and are worth another. Assumed."""

TURNS_PER_S = 30.0
"""Messages of one bot per second: TELEGRAM_MESSAGES_PER_S, as Telegram says."""
_CHAT_TURNS_PER_S = 1.0
"""The same for one chat: TELEGRAM_CHAT_MESSAGES_PER_S."""


class Video(NamedTuple):
    """What one run has to do."""

    size_bytes: int
    download_s: float
    """From the assignment until the file is whole."""
    upload_s: float
    """From its turn at Telegram until the last byte has left."""
    answer_s: float
    fails: bool

    @property
    def slot_s(self) -> float:
        """How long it holds a slot, if Telegram lets it send at once."""
        return self.download_s if self.fails else self.download_s + self.upload_s + self.answer_s


def video(draw: random.Random) -> Video:
    """Draw what a run has to do."""
    size_bytes = min(_MOST_BYTES, draw.lognormvariate(math.log(_MEDIAN_BYTES), _SPREAD))
    site = _SLOWEST_SITE * (_FASTEST_SITE / _SLOWEST_SITE) ** draw.random()
    return Video(
        size_bytes=round(size_bytes),
        download_s=_START_UP_S + size_bytes / site,
        upload_s=size_bytes / min(_TELEGRAM, _BYTES_PATH),
        answer_s=_ANSWER_S,
        fails=draw.random() < _FAILING_SHARE,
    )


def slot_s() -> float:
    """Return how long a job holds a slot on average, its further runs included."""
    draw = random.Random(1)
    return sum(video(draw).slot_s for _ in range(20_000)) / 20_000 / (1 - _FAILING_SHARE)


class Crowd:
    """The users.

    Args:
        count: How many there are.
        draw: Says who comes next.
    """

    def __init__(self, count: int, draw: random.Random) -> None:
        self._shares = list(itertools.accumulate(1 / (_EVEN_COUNT + rank) for rank in range(1, count + 1)))
        self._draw = draw

    def next(self) -> str:
        """Return who asks for the next video."""
        return user(bisect(self._shares, self._draw.random() * self._shares[-1]))


def user(number: int) -> str:
    """Return the name of a user."""
    return f"user-{number}"


class Turns:
    """When messages may leave: so many a second in all, and so many to one chat.

    Args:
        per_s: In all.
    """

    def __init__(self, per_s: float) -> None:
        self._pause_s = 1 / per_s
        self._free_at_s = 0.0
        self._chat_free_at_s: dict[str, float] = {}

    def take(self, chat: str, now_s: float) -> float:
        """Return when the next message to `chat` may leave."""
        turn_s = max(now_s, self._free_at_s, self._chat_free_at_s.get(chat, 0.0))
        self._free_at_s = max(now_s, self._free_at_s) + self._pause_s
        self._chat_free_at_s[chat] = turn_s + 1 / _CHAT_TURNS_PER_S
        return turn_s
