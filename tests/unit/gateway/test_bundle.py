"""What leaves in one write."""

from collections.abc import Sequence

from gateway.live.bundle import PIECE_BYTES, Bundle


def written(bundle: Bundle) -> Sequence[bytes]:
    return [piece.data for piece in bundle.pieces()]


def test_what_two_clients_are_told_alike_is_one_bundle_and_its_bytes_are_made_once() -> None:
    empty = Bundle()
    frames = [b"started", b"progress"]
    ann, bob = empty, empty
    for frame in frames:
        ann, bob = ann.then(frame, None), bob.then(frame, None)

    assert ann is bob
    assert written(ann) == [b"startedprogress"]
    assert ann.pieces() is bob.pieces()


def test_who_is_told_something_else_has_a_bundle_of_its_own() -> None:
    shared = Bundle().then(b"shared", None)
    ann, bob = shared.then(b"for ann", None), shared.then(b"for bob", None)

    assert written(ann) == [b"sharedfor ann"]
    assert written(bob) == [b"sharedfor bob"]
    assert written(shared) == [b"shared"]


def test_the_same_frame_under_another_key_is_another_bundle() -> None:
    empty, frame = Bundle(), b"frame"

    kept, replaceable = empty.then(frame, None), empty.then(frame, "job")

    assert written(kept.then(b"newer", "job")) == [b"framenewer"]
    assert written(replaceable.then(b"newer", "job")) == [b"newer"]


def test_of_each_key_the_newest_stays_where_it_came_and_what_must_arrive_stays() -> None:
    bundle = Bundle()
    for frame, key in ((b"a1", "a"), (b"b1", "b"), (b"must1", None), (b"a2", "a"), (b"must2", None)):
        bundle = bundle.then(frame, key)

    assert written(bundle) == [b"b1must1a2must2"]


def test_what_is_forgotten_does_not_leave_and_what_comes_after_does() -> None:
    bundle = Bundle().then(b"a1", "a").then(b"must", None).without("a")

    assert written(bundle) == [b"must"]
    assert written(bundle.then(b"a2", "a")) == [b"musta2"]


def test_pieces_hold_whole_frames_and_a_longer_one_stands_alone() -> None:
    half, long = b"h" * (PIECE_BYTES // 2), b"l" * (PIECE_BYTES + 1)
    bundle = Bundle()
    for frame in (half, half, half, long, b"end"):
        bundle = bundle.then(frame, None)

    assert written(bundle) == [half + half, half, long, b"end"]
    assert [len(piece.frames) for piece in bundle.pieces()] == [2, 1, 1, 1]
