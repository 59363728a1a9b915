"""Errors of the services in the words of REST."""

import pytest

from gateway.rest_names import error_in_rest_names, in_rest_names
from services.chassis.errors import ClipferryError, Reason, field_invalid


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("The video is live; say allow_live to record it.", "The video is live; say allowLive to record it."),
        ("Say allow_duplicate_delivery.", "Say allowDuplicateDelivery."),
        (
            "There is no job jobs/01a210fc-f00b-71d2-8491-18f6559fe65c.",
            "There is no job 01a210fc-f00b-71d2-8491-18f6559fe65c.",
        ),
        ("No video (https://a.test/?user_agent=1).", "No video (https://a.test/?user_agent=1)."),
        ("max_duration must be longer (got 'a max_duration').", "maxDurationS must be longer (got 'a max_duration')."),
    ],
)
def test_names_are_those_that_a_caller_writes_and_values_stay_as_they_are(said: str, shown: str) -> None:
    assert in_rest_names(said) == shown


def test_the_field_beside_the_message_as_well() -> None:
    error = ClipferryError(Reason.QUEUE_FULL, "Full.", retry_after_s=5, limit=3)
    field = error_in_rest_names(field_invalid("page_token", "must be the next_page_token of a page", "x"))
    same = error_in_rest_names(error)

    assert field.metadata["field"] == "cursor"
    assert field.message == "cursor must be the nextCursor of a page (got 'x')."
    assert (same.reason, same.message, same.retry_after_s, same.metadata) == (
        error.reason,
        error.message,
        5,
        {"limit": "3"},
    )
