"""Progress is one line that never falls, whatever the byte counts do."""

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.clock import SystemClock
from services.processor.core.pace import Pace
from services.processor.core.progress import ProgressLine
from services.processor.core.run import FetchStage, Moved, Progress, Stage
from tests.fakes.clock import FakeClock

_COUNTS = st.integers(min_value=0, max_value=10**10)
_MOVES = st.builds(
    lambda stage, done, more, known: Moved(stage=stage, done_bytes=done, total_bytes=done + more if known else 0),
    st.sampled_from(FetchStage),
    _COUNTS,
    _COUNTS,
    st.booleans(),
)


def _line() -> tuple[ProgressLine, list[Progress]]:
    seen: list[Progress] = []
    return ProgressLine(seen.append, SystemClock(), guess_bytes=1_000_000), seen


@given(st.lists(_MOVES, max_size=30), st.lists(_COUNTS, max_size=30), st.integers(min_value=0, max_value=10**10))
def test_progress_never_falls_and_never_reaches_100(moves: list[Moved], sent: list[int], size_bytes: int) -> None:
    line, seen = _line()
    line.probing()
    line.found("Gulls")
    for move in moves:
        line.moved(move)
    line.preparing()
    for sent_bytes in sent:
        line.sending(sent_bytes, size_bytes)
    percents = [step.percent for step in seen]
    assert percents == sorted(percents)
    assert percents[0] >= 0
    assert percents[-1] < 100


def test_the_bar_follows_the_bytes() -> None:
    line, seen = _line()
    line.found("Gulls")
    line.moved(Moved(stage=FetchStage.DOWNLOADING, done_bytes=20_050_000, total_bytes=40_100_000))
    assert seen[-1].percent == 37.5
    assert seen[-1].message == "Downloading… 20.1 of 40.1 MB"
    line.sending(40_100_000, 40_100_000)
    assert seen[-1].percent == 99
    assert seen[-1].message == "Sending to Telegram… 40.1 of 40.1 MB"


def test_reencoding_is_told_as_a_share_from_where_it_begins() -> None:
    """On the way in it is the whole download; of a file that was fetched before, what is left up to the upload.

    Stages never go back: what follows it is not called joining.
    """
    line, seen = _line()
    line.found("Gulls")
    for share in (0.0, 0.5, 1.0):
        line.moved(Moved(stage=FetchStage.TRANSCODING, done_bytes=0, done_share=share))
    line.preparing()
    assert [step.percent for step in seen] == [5, 5, 40, 75, 75]
    assert seen[2].message == "Re-encoding… 50%"
    assert {step.stage for step in seen[1:]} == {Stage.TRANSCODING}

    line, seen = _line()
    line.moved(Moved(stage=FetchStage.DOWNLOADING, done_bytes=10, total_bytes=10))
    line.moved(Moved(stage=FetchStage.TRANSCODING, done_bytes=10, total_bytes=10, done_share=0.5))
    assert [step.percent for step in seen] == [70, 72.5]


def test_a_download_of_unknown_size_still_moves() -> None:
    line, seen = _line()
    for done_bytes in (0, 500_000, 1_000_000, 5_000_000, 50_000_000):
        line.moved(Moved(stage=FetchStage.DOWNLOADING, done_bytes=done_bytes))
    percents = [step.percent for step in seen]
    assert percents == sorted(set(percents))
    assert percents[-1] < 70
    assert seen[-1].message == "Downloading… 50.0 MB"


def test_the_first_thing_after_a_pause_goes_at_once_and_the_next_one_waits() -> None:
    pace = Pace(0.1)
    assert pace.wait_s(50.0) == 0
    pace.went(50.0)
    assert round(pace.wait_s(50.04), 6) == 0.06
    assert pace.wait_s(50.2) == 0


def test_a_wait_at_telegram_is_seen_and_does_not_count_as_slowness() -> None:
    """The bar stands where it was, a person reads why, and the speed is that of the upload alone."""
    clock = FakeClock()
    seen: list[Progress] = []
    line = ProgressLine(seen.append, clock, guess_bytes=1)
    line.preparing()
    line.sending(0, 4_000_000)

    line.awaiting_turn(9.2, 4_000_000)
    clock.advance(9.2 + 2)
    line.sending(2_000_000, 4_000_000)

    assert seen[-2].message == "Waiting about 10 s for Telegram's limits…"
    assert seen[-2].percent == seen[-3].percent
    assert seen[-1].bytes_per_second == 1_000_000
