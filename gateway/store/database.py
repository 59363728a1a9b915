"""The port to the gateway's own store: one text of SQL for both engines."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Run(Protocol):
    """Runs one statement."""

    async def __call__(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """Run `sql` and return its rows, none if it returns nothing.

        Args:
            sql: Good for SQLite 3.40 and PostgreSQL 14 alike: ``$1`` for the first argument, ``ON CONFLICT``,
                ``RETURNING``, ``CAST($1 AS bigint)`` where nothing else says the type; 0 and 1 for booleans.
            arguments: None, int, float, str or bytes; lists of them where the statement is for PostgreSQL only.

        Raises:
            ClipferryError: STORE_UNAVAILABLE.
        """


class Database(Protocol):
    """An open store. What each method means is pinned by ``tests/contract/test_gateway_store.py`` for both engines."""

    async def run(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """Run one statement as a transaction of its own. See `Run`."""

    def transaction(self, *, lock: str = "") -> AbstractAsyncContextManager[Run]:
        """Run the statements of the block as one transaction, undone when the block raises.

        Nothing but statements is waited for in the block. A row that it has changed is its own until the end.

        Args:
            lock: No other transaction with this word runs at the same time, at any replica.

        Raises:
            ClipferryError: STORE_UNAVAILABLE.
        """

    async def rung(self, timeout_s: float) -> None:
        """Wait until another replica may have changed a mark, `timeout_s` seconds at most."""
