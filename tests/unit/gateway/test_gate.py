"""What the gate remembers, and when it forgets."""

from collections.abc import Callable

import pytest

from gateway.auth.attempts import Attempts
from gateway.auth.caller import Caller
from gateway.auth.gate import Gate
from gateway.auth.keyring import StoredKeyring, key_id
from gateway.limits.memory import MemoryLimiter
from services.chassis.errors import ClipferryError, Reason
from tests.fakes.clock import FakeClock

ADDRESS = "203.0.113.7"


class Known:
    """Credentials of whoever is known. Something may happen while the store is asked."""

    def __init__(self, clock: FakeClock) -> None:
        self.sessions = {"token": "session"}
        self.asked_count = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self._clock = clock

    def knows(self, _shown: str) -> bool:
        return True

    async def caller(self, shown: str) -> Caller:
        self.asked_count += 1
        session_id = self.sessions.get(shown)
        self.meanwhile()
        if session_id is None:
            raise ClipferryError(Reason.UNAUTHENTICATED)
        return Caller("ann", session_id, self._clock.time_ms() // 1000 + 60, frozenset(), frozenset())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def known(clock: FakeClock) -> Known:
    return Known(clock)


@pytest.fixture
def gate(known: Known, clock: FakeClock) -> Gate:
    return Gate(
        [known], Attempts(MemoryLimiter(clock), sign_ins_per_min=2, pairings_per_min=0, refreshes_per_min=0), clock
    )


async def test_whoever_was_seen_is_not_asked_for_again(gate: Gate, known: Known) -> None:
    assert await gate.verify("token", ADDRESS) == await gate.caller("bearer token", ADDRESS)
    assert known.asked_count == 1


async def test_what_is_over_is_told_without_asking(gate: Gate, clock: FakeClock) -> None:
    await gate.verify("token", ADDRESS)
    clock.advance(60)

    with pytest.raises(ClipferryError) as refused:
        await gate.verify("token", ADDRESS)
    assert refused.value.reason is Reason.TOKEN_EXPIRED


async def test_an_ended_session_is_looked_at_anew_and_no_other(gate: Gate, known: Known) -> None:
    known.sessions["other"] = "another"
    await gate.verify("token", ADDRESS)
    await gate.verify("other", ADDRESS)
    gate.forget_session("another")

    await gate.verify("token", ADDRESS)
    assert known.asked_count == 2
    await gate.verify("other", ADDRESS)
    assert known.asked_count == 3


async def test_an_answer_from_before_the_end_is_not_believed(gate: Gate, known: Known) -> None:
    """The session ends between the look into the store and its answer."""

    def end() -> None:
        if known.sessions.pop("token", None):
            gate.forget_session("session")

    known.meanwhile = end

    with pytest.raises(ClipferryError):
        await gate.verify("token", ADDRESS)
    assert known.asked_count == 2


async def test_the_store_is_asked_for_unknown_signing_keys_once_in_a_second(clock: FakeClock) -> None:
    """However many strangers show one."""
    asked: list[str] = []

    class Store:
        async def run(self, sql: str, *_arguments: object) -> list[tuple[bytes]]:
            asked.append(sql)
            return [(b"2" * 32,), (b"1" * 32,)]

    keyring = StoredKeyring(Store(), [b"1" * 32], clock)  # type: ignore[arg-type]
    for _ in range(3):
        assert await keyring.find("unknown") is None
    assert asked == []
    clock.advance(1)

    assert await keyring.find(key_id(b"2" * 32)) == b"2" * 32
    assert keyring.signing() == (key_id(b"2" * 32), b"2" * 32)
    assert await keyring.find("unknown") is None
    assert len(asked) == 1
