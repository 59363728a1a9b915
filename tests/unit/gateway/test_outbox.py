"""What waits for a client: all that must arrive, in order, then the newest of each key."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.live.outbox import Outbox

frames = st.binary(min_size=1, max_size=50)


@given(owed=st.lists(frames), latest=st.lists(st.tuples(st.sampled_from("abc"), frames)), size_bytes=st.integers(1, 60))
def test_everything_owed_leaves_first_and_whole_then_the_newest_of_each_key(
    owed: list[bytes], latest: list[tuple[str, bytes]], size_bytes: int
) -> None:
    outbox = Outbox()
    for key, frame in latest:
        outbox.put(frame, key)
    for frame in owed:
        outbox.owe(frame)
    newest: dict[str, bytes] = {}
    for key, frame in latest:
        newest.pop(key, None)
        newest[key] = frame

    assert (outbox.owed_count, outbox.owed_bytes) == (len(owed), sum(map(len, owed)))
    taken = []
    while outbox:
        taken.append(outbox.take(size_bytes))

    assert b"".join(taken) == b"".join([*owed, *newest.values()])
    assert all(0 < len(part) <= size_bytes for part in taken)
    assert (outbox.owed_count, outbox.owed_bytes) == (0, 0)


def test_what_comes_later_goes_before_the_latest_but_never_into_a_frame_that_has_begun() -> None:
    outbox = Outbox()
    outbox.put(b"progress", "job")
    assert outbox.take(4) == b"prog"
    outbox.put(b"stats", "queue")
    outbox.owe(b"end")

    assert [outbox.take(4), outbox.take(4), outbox.take(100)] == [b"ress", b"end", b"stats"]


def test_forgotten_frames_do_not_leave() -> None:
    outbox = Outbox()
    outbox.put(b"progress", "job")
    outbox.forget("job")
    outbox.forget("another")

    assert not outbox


def test_closing_keeps_only_what_has_begun() -> None:
    outbox = Outbox()
    outbox.owe(b"begun")
    outbox.owe(b"not begun")
    outbox.take(2)

    assert outbox.take_begun() == b"gun"
    assert not outbox
