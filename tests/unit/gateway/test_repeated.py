"""A key that stands twice is found wherever it is, and nothing else is taken for one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.repeated import check_keys
from services.chassis.errors import ClipferryError, Reason


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b'{"url":"a","url":"b"}', "url"),
        (b'{"url": "a", "url": "a"}', "url"),
        (b'{"url"\n: "a", "kind": "video",\t"url" :"b"}', "url"),
        (b'{"url": "a", "\\u0075rl": "b"}', "url"),
        (b'{"videoData": {"pageUrl": "a", "pageUrl": "b"}}', "pageUrl"),
        (b'{"userInfo": [1, {"a": {"b": 1, "b": 2}}]}', "b"),
        (b'{"x": ["\\"", ":"], "url": "a", "caption": "\\"url\\":", "url": "b"}', "url"),
        (b'{"url": "a", "x": ["b", ":"], "url": "b"}', "url"),
        (b'{"": 1, "": 2}', ""),
        (b'{":": 1, ":": 2}', ":"),
        (b'{"n": %s, "n": 1}' % (b"9" * 5_000), "n"),
    ],
)
def test_a_key_that_stands_twice_is_named(raw: bytes, key: str) -> None:
    with pytest.raises(ClipferryError) as refused:
        check_keys(raw)

    assert refused.value.reason is Reason.FIELD_INVALID
    assert refused.value.message == f"{key} is given twice."
    assert refused.value.metadata["field"] == key


@pytest.mark.parametrize(
    "raw",
    [
        b'{"url": "https://a.test/?b=1:2", "caption": "\\"url\\": \\"url\\":"}',
        b'{"url": "a", "videoData": {"url": "a"}}',
        b'[{"a": 1}, {"a": 2}]',
        b'{"a": ["a", ":a", "a:"], "b": ":"}',
        b'{"userInfo": {"n": %s}, "n": "\\\\"}' % (b"9" * 5_000),
        b"null",
    ],
)
def test_what_only_looks_like_it_is_let_through(raw: bytes) -> None:
    check_keys(raw)


words = st.text(alphabet='ab":\\ ,{é', max_size=4)
trees: st.SearchStrategy[Any] = st.recursive(
    words | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
)


@given(tree=trees, twice=st.text(alphabet='abé"\\', max_size=3))
def test_it_is_exact(tree: Any, twice: str) -> None:
    """Whatever is around: what a program writes is let through, and the same with one key twice is not."""
    written = json.dumps(tree, ensure_ascii=False)
    check_keys(written.encode())

    name = json.dumps(twice, ensure_ascii=False)
    with pytest.raises(ClipferryError):
        check_keys(f"[{written}, {{{name}: {written}, {name}: 1}}, {written}]".encode())
