"""An outage of the database, as callers and the log hear of it."""

import pytest
from structlog.testing import capture_logs

from services.chassis.errors import ClipferryError, Reason
from services.chassis.outages import Outages


def outages() -> Outages:
    return Outages("db.test/jobs", failures=(OSError, ValueError), faults=(UnicodeError,))


def call(to: Outages, failure: Exception | None = None) -> None:
    with to.told():
        if failure is not None:
            raise failure


def test_callers_are_told_when_to_try_again() -> None:
    with pytest.raises(ClipferryError) as told:
        call(outages(), OSError("No space left on device"))

    assert (told.value.reason, told.value.retry_after_s) == (Reason.STORE_UNAVAILABLE, 1.0)
    assert "space" not in told.value.message


def test_the_log_hears_of_each_outage_once_and_of_its_end() -> None:
    """With the database and the cause, however many calls fail meanwhile."""
    database = outages()
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(ClipferryError):
                call(database, OSError("No space left on device"))
        call(database)
        call(database)
        with pytest.raises(ClipferryError):
            call(database, ValueError("again"))

    assert [(line["action"], line["database"], line.get("cause")) for line in lines] == [
        ("store_away", "db.test/jobs", "OSError: No space left on device"),
        ("store_back", "db.test/jobs", None),
        ("store_away", "db.test/jobs", "ValueError: again"),
    ]


def test_what_is_wrong_with_one_call_is_no_outage() -> None:
    with capture_logs() as lines, pytest.raises(UnicodeError):
        call(outages(), UnicodeError("a fault of the call"))

    assert lines == []
