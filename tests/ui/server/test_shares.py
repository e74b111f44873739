"""What one client may hold, beside others and alone."""

from collections import Counter

import pytest

from ui.server import shares
from ui.server.shares import MAX_AHEAD, MAX_OPEN, MAX_OPEN_EACH, MAX_WAITING_EACH, Shares


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(shares, "monotonic", lambda: self.now)
        monkeypatch.setattr(shares, "cores", lambda: 2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_idle_connections_of_one_take_nothing_from_others() -> None:
    """1,010 of them made every request 503."""
    found = Shares()
    entered = [found.enter("greedy") for _ in range(MAX_OPEN - 1)]
    assert entered.count(True) == MAX_OPEN_EACH
    for _ in range(MAX_OPEN - 1 - MAX_OPEN_EACH):
        found.leave("greedy")
    assert found.enter("honest")
    found.leave("greedy")
    assert found.enter("greedy")


def test_all_together_have_a_limit_too() -> None:
    found = Shares()
    assert all(found.enter(str(number)) for number in range(MAX_OPEN))
    assert not found.enter("one more")


def test_places_are_for_many() -> None:
    found = Shares()
    assert found.may_wait("greedy", Counter(greedy=MAX_WAITING_EACH - 1, other=9))
    assert not found.may_wait("greedy", Counter(greedy=MAX_WAITING_EACH))
    assert found.may_wait("honest", Counter(greedy=MAX_WAITING_EACH))


def test_half_of_the_time_is_for_others_while_they_wait(clock: Clock) -> None:
    found, alone, beside = Shares(), Counter(greedy=3), Counter(greedy=3, honest=1)
    while found.may_wait("greedy", beside):
        found.worked("greedy", 2.0)  # on both cores
        clock.now += 1.0
        assert clock.now < 1000 + 2 * MAX_AHEAD
    assert found.may_wait("greedy", alone)
    assert found.may_wait("honest", beside)
    for _ in range(20):  # at half of the time it may go on for ever
        clock.now += 10
        assert found.may_wait("greedy", beside)
        found.worked("greedy", 10.0)


def test_what_was_taken_is_forgotten(clock: Clock) -> None:
    found = Shares()
    found.worked("once", 30)
    clock.now += 31
    found.worked("another", 1)
    assert list(found._taken) == ["another"]
