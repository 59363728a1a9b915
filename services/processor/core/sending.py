"""The way out of a run: past the point of no return, and once more for what cannot be fetched a second time."""

from collections.abc import Callable

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError
from services.processor.core.ports import Delivery, Layout, Leases
from services.processor.core.progress import ProgressLine
from services.processor.core.run import Header, Receipt, Run

logger = structlog.get_logger(__name__)

_AGAIN_S = 15.0
"""How long what refused a recording, and does not say for how long, is left alone."""
_UPLOAD_S = 30.0
"""What a run must have left after a wait: past its time the queue counts its message as perhaps sent."""


class Sending:
    """Sends the file of one run.

    Args:
        on_commit: Called once the point of no return is passed.
    """

    def __init__(
        self,
        run: Run,
        delivery: Delivery,
        leases: Leases,
        line: ProgressLine,
        clock: Clock,
        *,
        on_commit: Callable[[], None],
    ) -> None:
        self.committing = False
        """True from the moment CommitSend is asked for: the queue's answer alone decides about a cancel now."""
        self.committed = False
        """True once CommitSend was answered: the run goes on to its end, whatever becomes of the lease."""
        self._run = run
        self._delivery = delivery
        self._leases = leases
        self._line = line
        self._clock = clock
        self._on_commit = on_commit
        self._ends_at_s = clock.monotonic_s() + run.timeout_s

    async def send(self, header: Header, layout: Layout, *, is_recording: bool) -> Receipt:
        """Send it.

        A recording that was put off waits here for as long as the run may take: the next run would record something
        else. Everything else goes back to the queue, where it holds no memory.

        Raises:
            ClipferryError: As in `Delivery.send`.
        """
        while True:
            try:
                return await self._send(header, layout)
            except ClipferryError as error:
                wait_s = error.retry_after_s or _AGAIN_S
                left_s = self._ends_at_s - self._clock.monotonic_s()
                if not is_recording or not error.reason.retryable or wait_s + _UPLOAD_S > left_s:
                    raise
                logger.info("A recording waits here to be sent.", action="recording_held", reason=error.reason.name)
            # It was refused, so nothing is on its way out.
            self.committed = False
            self._line.put_off(wait_s, layout.size_bytes)
            await self._clock.sleep(wait_s)

    async def _send(self, header: Header, layout: Layout) -> Receipt:
        self._line.sending(0, layout.size_bytes)
        return await self._delivery.send(
            header,
            layout,
            commit=self._commit,
            on_sent=lambda sent_bytes: self._line.sending(sent_bytes, layout.size_bytes),
            on_wait=lambda wait_s: self._line.awaiting_turn(wait_s, layout.size_bytes),
        )

    async def _commit(self) -> None:
        self.committing = True
        await self._leases.commit_send(self._run)
        self.committed = True
        self._on_commit()
