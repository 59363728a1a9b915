"""Rates: exact against a model that remembers every request, and honest about what they say of themselves."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.limits.addresses import network_of
from gateway.limits.fields import rate_fields
from gateway.limits.gcra import Rate, due_after, verdict
from gateway.limits.memory import MemoryLimiter
from tests.fakes.clock import FakeClock

RATES = st.builds(Rate, st.just("test"), per_min=st.integers(1, 600), burst=st.integers(1, 20))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rate=RATES, gaps_ms=st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
def test_what_is_admitted_is_what_a_full_bucket_allows(rate: Rate, gaps_ms: list[int]) -> None:
    """A bucket of `burst` that fills by one each interval says the same, however the requests fall."""
    due_us, now_us, filled_us = 0, 1_000_000_000_000, rate.window_us
    for gap_ms in gaps_ms:
        now_us += gap_ms * 1000
        filled_us = min(filled_us + gap_ms * 1000, rate.window_us)
        after_us = due_after(due_us, now_us, rate)

        assert (after_us is not None) == (filled_us >= rate.interval_us)
        if after_us is not None:
            due_us, filled_us = after_us, filled_us - rate.interval_us
        assert verdict(due_us, now_us, rate, is_admitted=True).remaining == filled_us // rate.interval_us


@settings(max_examples=100, deadline=None, derandomize=True)
@given(rate=RATES, gaps_ms=st.lists(st.integers(0, 300), min_size=1, max_size=60))
def test_a_refused_client_that_waits_as_told_is_admitted_and_no_sooner(rate: Rate, gaps_ms: list[int]) -> None:
    due_us, now_us = 0, 1_000_000_000_000
    for gap_ms in gaps_ms:
        now_us += gap_ms * 1000
        after_us = due_after(due_us, now_us, rate)
        if after_us is None:
            told_us = round(verdict(due_us, now_us, rate, is_admitted=False).next_s * 1_000_000)
            assert due_after(due_us, now_us + told_us - 1, rate) is None
            assert due_after(due_us, now_us + told_us, rate) is not None
        else:
            due_us = after_us


async def test_keys_and_rates_do_not_meet_and_the_headers_say_what_is_left() -> None:
    clock = FakeClock()
    limiter, slow, fast = MemoryLimiter(clock), Rate("slow", 60, 2), Rate("fast", 600, 3)

    said = [await limiter.take("ann", slow) for _ in range(3)]
    assert [each.is_admitted for each in said] == [True, True, False]
    fields = [dict(rate_fields(each)) for each in said]
    assert [each[b"ratelimit"] for each in fields] == [b'"slow";r=1;t=1', b'"slow";r=0;t=1', b'"slow";r=0;t=1']
    assert {each[b"ratelimit-policy"] for each in fields} == {b'"slow";q=2;w=2'}
    assert (await limiter.take("bob", slow)).is_admitted
    assert (await limiter.take("ann", fast)).is_admitted
    clock.advance(1)
    assert (await limiter.take("ann", slow)).is_admitted


async def test_memory_does_not_grow_with_everybody_who_ever_asked() -> None:
    clock = FakeClock()
    limiter, rate = MemoryLimiter(clock), Rate("test", 6_000, 1)

    for number in range(50_000):
        clock.advance(0.001)
        limiter.take_now(str(number), rate)

    assert len(limiter._due_us) <= 10_000


def test_an_ipv6_customer_is_one_address() -> None:
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::2") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("no:address") == "no:address"
