"""Pages made from the code are what the code says now."""

import inspect

import pytest

from services.queue.core import moves
from services.queue.core.job import NEXT, State
from tests import states, states_picture
from tests.documents import PAGES, ROOT


@pytest.mark.parametrize("path", PAGES)
def test_page_is_current(path: str) -> None:
    """`make documents` would change nothing."""
    assert (ROOT / path).read_text() == PAGES[path]()


def test_the_calls_make_every_legal_change_of_state_and_no_other() -> None:
    """What is drawn is what `decide` did, so this holds the table of legal moves against the code that moves."""
    drawn = {state: {after for before, after in states.arrows() if before is state} - {state} for state in State}

    assert drawn == NEXT


def test_every_move_is_in_the_table() -> None:
    """A new kind of move cannot be forgotten there."""
    made = {
        name
        for name, kind in inspect.getmembers(moves, inspect.isclass)
        if kind.__module__ == moves.__name__ and hasattr(kind, "decide") and kind is not moves.Move
    }

    assert made == {call.name for call in states.CALLS} - {"claim", "silence"}


def test_an_arrow_that_nobody_has_drawn_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is laid out by hand; it is not made without a part of what the code can do, or with more."""
    monkeypatch.setattr(states_picture, "LINES", dict(list(states_picture.LINES.items())[1:]))

    with pytest.raises(ValueError, match=r"PROCESSING.*FAILED"):
        states_picture.picture()
