"""Failures of a database, told to callers as one error and to the log as one outage."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

_Kinds = tuple[type[BaseException], ...]


class Outages:
    """Whether the database can be used, as one process sees it. The log hears of each outage once, and of its end.

    Args:
        place: The database, as it may be shown.
        failures: What a database raises that cannot be used.
        faults: Those of them that speak of one call only.
    """

    def __init__(self, place: str, *, failures: _Kinds, faults: _Kinds) -> None:
        self._place = place
        self._failures = failures
        self._faults = faults
        self._is_away = False

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn failures of the database into STORE_UNAVAILABLE; what is wrong with one call passes as it is.

        Raises:
            ClipferryError: STORE_UNAVAILABLE.
        """
        try:
            yield
        except self._faults:
            raise
        except self._failures as error:
            self._note(error)
            raise ClipferryError(Reason.STORE_UNAVAILABLE, retry_after_s=1.0) from error
        if self._is_away:
            self._is_away = False
            logger.info("The database can be used again.", action="store_back", database=self._place)

    def _note(self, error: BaseException) -> None:
        if not self._is_away:
            self._is_away = True
            cause = f"{type(error).__name__}: {error}"[:200]
            logger.error("The database cannot be used.", action="store_away", database=self._place, cause=cause)
