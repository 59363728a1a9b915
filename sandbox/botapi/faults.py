"""Scripted faults: what goes wrong, for which request, how often."""

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any

KINDS = (
    "drip",
    "endless",
    "flood",
    "garbage",
    "no_answer",
    "redirect",
    "reset_after_body",
    "reset_in_answer",
    "reset_mid_body",
    "slow",
    "stall",
    "status",
)

ANSWERED = ("flood", "redirect", "status")
"""Those that are an answer, in place of what the method would say."""


@dataclass(kw_only=True)
class Fault:
    """One scripted fault. Which of the numbers count depends on `kind`."""

    kind: str
    """``flood``: 429. ``status``: any answer. ``redirect``: sends to another address.

    Accept the message first: ``no_answer`` says nothing, ``drip`` answers a byte at a time, ``garbage`` in broken JSON,
    ``endless`` without an end, ``reset_in_answer`` resets after the status, ``reset_after_body`` before it.

    While the file comes: ``reset_mid_body`` resets after `after_bytes` of it, ``stall`` reads no more after them,
    ``slow`` reads slowly."""
    method: str = ""
    """Bot API method. Empty: every one."""
    chat_id: str = ""
    """As the request writes it. Empty: every chat."""
    times: int = 1
    """Requests it strikes; it is gone after them."""
    retry_after: int = 1
    """Seconds, for ``flood``."""
    code: int = 500
    """HTTP status, for ``status`` and ``endless``."""
    description: str = "Internal Server Error"
    """For ``status``."""
    parameters: dict[str, int] = dataclasses.field(default_factory=dict)
    """For ``status``, such as ``migrate_to_chat_id``."""
    is_html: bool = False
    """Whether ``status`` answers in HTML, as a proxy in front of Telegram would."""
    is_early: bool = False
    """Whether ``flood``, ``status`` and ``redirect`` answer before the file is read."""
    accepts: bool = False
    """Whether ``status`` keeps the message all the same."""
    after_bytes: int = 0
    """For ``reset_mid_body`` and ``stall``."""
    bytes_per_s: int = 1_000_000
    """For ``slow``."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)} (got {self.kind!r})")
        if self.times < 1 or self.bytes_per_s < 1:
            raise ValueError("times and bytes_per_s must be at least 1")


class FaultScript:
    """Faults that wait for their requests, and counts of what came."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.request_counts: Counter[str] = Counter()
        """Requests by method, refused ones included."""
        self.struck_counts: Counter[str] = Counter()
        """Faults that struck, by kind."""

    def add(self, fault: Fault) -> None:
        """Let `fault` strike the next requests that match."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all waiting faults and the counts."""
        self._waiting.clear()
        self.request_counts.clear()
        self.struck_counts.clear()

    def take(self, method: str, chat_id: str) -> Fault | None:
        """Return the first fault for this request and use it up by one."""
        for fault in self._waiting:
            if fault.method in {"", method} and fault.chat_id in {"", chat_id}:
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
                self.struck_counts[fault.kind] += 1
                return fault
        return None

    def as_json(self) -> dict[str, Any]:
        """Return what waits, what came and what struck."""
        return {
            "waiting": [dataclasses.asdict(fault) for fault in self._waiting],
            "requests": dict(self.request_counts),
            "struck": dict(self.struck_counts),
        }
