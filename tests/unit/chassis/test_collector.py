"""What the search for cycles leaves alone, and what it still finds."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from services.chassis.collector import spare_what_stays


class Ring:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_is_not_searched_again_and_what_comes_is_still_found() -> None:
    kept = [Ring() for _ in range(100)]

    spare_what_stays()
    searched = {id(each) for each in gc.get_objects()}
    later = weakref.ref(Ring())
    gc.collect()

    assert gc.get_freeze_count() > len(kept)
    assert not searched & {id(each) for each in kept}
    assert later() is None
