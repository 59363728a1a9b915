"""A worker never believes in a lease for longer than the queue does."""

from hypothesis import given
from hypothesis import strategies as st

from services.processor.core.lease import LeaseTerm


def test_a_renewal_counts_from_before_its_beat_was_sent() -> None:
    term = LeaseTerm(30, 100.0)
    assert term.ends_at_s == 130
    term.beat(112.0)
    term.beat(115.0)
    term.renewed(30)
    assert term.ends_at_s == 142


def test_beats_that_cannot_have_renewed_do_not_count() -> None:
    """A lease is renewed when a third of it is gone, so an early beat is not what was answered."""
    term = LeaseTerm(30, 100.0)
    term.beat(110.0)
    term.renewed(30)
    term.beat(110.1)
    term.beat(120.0)
    term.renewed(30)
    assert term.ends_at_s == 150


def test_what_a_new_stream_answers_was_sent_on_it() -> None:
    term = LeaseTerm(30, 100.0)
    term.beat(101.0)
    term.reconnected(125.0)
    term.renewed(30)
    assert term.ends_at_s == 155


@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 3), st.floats(0, 3)), max_size=40))
def test_the_end_is_never_later_than_the_queues(steps: list[tuple[float, float, float]]) -> None:
    """Beats with any delay on the way up and any on the way down, in order."""
    ttl_s = 6.0
    now_s = renewed_at_s = arrived_at_s = 0.0
    term = LeaseTerm(ttl_s, 0.0)
    for pause_s, up_s, down_s in steps:
        now_s += pause_s
        term.beat(now_s)
        arrived_at_s = max(arrived_at_s, now_s + up_s)
        if arrived_at_s - renewed_at_s >= ttl_s / 3:
            renewed_at_s = arrived_at_s
            now_s = max(now_s, arrived_at_s + down_s)
            term.renewed(ttl_s)
        assert term.ends_at_s <= renewed_at_s + ttl_s + 1e-6
