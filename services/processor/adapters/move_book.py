"""Durable moves on their way to the queue, over whichever Work stream is open."""

import asyncio
import itertools
from collections.abc import Callable

import structlog

from clipferry.queue.v1 import worker_service_pb2 as worker_pb
from services.chassis.errors import Reason
from services.chassis.status import from_status

logger = structlog.get_logger(__name__)

_STORE_AGAIN_S = 1.0
"""When a move is asked for again of which the queue's database did not say whether it was done."""


class MoveBook:
    """Durable moves that wait for their answer. Those without one are sent again: tokens make that harmless.

    Args:
        wake: Called when there is something to send.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._ids = itertools.count(1)
        self._open: dict[int, tuple[worker_pb.Move, asyncio.Future[worker_pb.Answer] | None]] = {}
        self._unsent: list[worker_pb.Move] = []

    async def ask(self, move: worker_pb.Move) -> worker_pb.Answer:
        """Return the answer to `move`, however many streams it takes.

        Raises:
            ClipferryError: When the queue refuses it.
        """
        answer: asyncio.Future[worker_pb.Answer] = asyncio.get_running_loop().create_future()
        self._add(move, answer)
        try:
            return await answer
        finally:
            self._open.pop(move.correlation_id, None)

    def post(self, move: worker_pb.Move) -> None:
        """Send `move` without waiting for its answer."""
        self._add(move, None)

    def _add(self, move: worker_pb.Move, answer: asyncio.Future[worker_pb.Answer] | None) -> None:
        move.correlation_id = next(self._ids)
        self._open[move.correlation_id] = (move, answer)
        self._unsent.append(move)
        self._wake()

    def take(self) -> list[worker_pb.Move]:
        """Return what has to be sent now; nobody waits any more for what is left out."""
        moves = [move for move in self._unsent if move.correlation_id in self._open]
        self._unsent.clear()
        return moves

    def send_again(self) -> None:
        """Send all that has no answer yet: the stream it went out on is gone."""
        self._unsent = [move for move, _ in self._open.values()]

    def settle(self, answer: worker_pb.Answer) -> None:
        """Hand an answer to whoever waits for it."""
        error = from_status(answer.error) if answer.WhichOneof("kind") == "error" else None
        if error is not None and error.reason is Reason.STORE_UNAVAILABLE:
            # Nobody knows whether it was done. It is asked again until it is known.
            loop = asyncio.get_running_loop()
            loop.call_later(error.retry_after_s or _STORE_AGAIN_S, self._ask_again, answer.correlation_id)
            return
        move, waiting = self._open.pop(answer.correlation_id, (None, None))
        if waiting is None:
            if move is not None and error is not None:
                logger.info("A posted move was refused.", action="move_refused", reason=error.reason.name)
        elif not waiting.done():
            if error is None:
                waiting.set_result(answer)
            else:
                waiting.set_exception(error)

    def _ask_again(self, correlation_id: int) -> None:
        if correlation_id in self._open:
            self._unsent.append(self._open[correlation_id][0])
            self._wake()
