"""Pages made from the code are what the code says now."""

import pytest

from tests.documents import PAGES, ROOT


@pytest.mark.parametrize("path", PAGES)
def test_page_is_current(path: str) -> None:
    """`make documents` would change nothing."""
    assert (ROOT / path).read_text() == PAGES[path]()
