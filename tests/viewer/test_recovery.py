"""How long it takes to be back after a push."""

import numpy as np
import pytest
from jopa_agent.agent.viewer.recovery import Pushes, recovery_s

SECONDS = np.arange(0, 10, 0.05)
BEGAN, ENDED = 2.0, 2.5


def trace(back_after_s: float, level: float = 0.1, away: float = 1.0) -> np.ndarray:
    """At ``level``; led ``away`` until the push's end, then back in a straight line that comes
    within a tenth of the way after ``back_after_s``."""
    since = SECONDS - ENDED
    rising = np.clip((SECONDS - BEGAN) / (ENDED - BEGAN), 0, 1)
    falling = np.clip(1 - 0.9 * since / back_after_s, 0, 1)
    return level + away * np.where(since <= 0, rising, falling)


@pytest.mark.parametrize("level", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("back_after_s", [0.4, 1.8, 5.0])
def test_the_time_is_that_until_it_is_near_again(back_after_s: float, level: float):
    found = recovery_s(SECONDS, trace(back_after_s, level), BEGAN, ENDED)
    assert found == pytest.approx(back_after_s, abs=0.051)


def test_until_it_stays_near_it_is_not_back():
    distance = trace(1.0)
    until = SECONDS < ENDED + 1.2
    assert recovery_s(SECONDS[until], distance[until], BEGAN, ENDED) is None
    passing = distance.copy()
    passing[(SECONDS > ENDED + 1.1) & (SECONDS < ENDED + 2.0)] = 1.0  # near for a moment alone
    found = recovery_s(SECONDS, passing, BEGAN, ENDED)
    assert found == pytest.approx(2.0, abs=0.051)


def test_a_push_that_leads_further_away_after_its_end():
    """It is still near when the push ends, and comes back from far away later."""
    distance = np.where((SECONDS > 3.0) & (SECONDS < 5.0), 1.0, 0.1)
    found = recovery_s(SECONDS, distance, BEGAN, ENDED)
    assert found == pytest.approx(2.5, abs=0.051)


def test_what_was_not_felt_took_no_time():
    assert recovery_s(SECONDS, np.full_like(SECONDS, 0.1), BEGAN, ENDED) == 0.0


def test_without_a_distance_before_there_is_nothing_to_say():
    after = SECONDS > BEGAN
    assert recovery_s(SECONDS[after], trace(1.0)[after], BEGAN, ENDED) is None
    assert recovery_s(np.zeros(0), np.zeros(0), BEGAN, ENDED) is None


def test_what_is_told_of_a_push():
    pushes, distance = Pushes(), trace(1.78)
    assert pushes.words(1.0) == ""
    told = []
    for count, now_s in enumerate(SECONDS, start=1):
        if BEGAN <= now_s <= ENDED:
            pushes.push(float(now_s))
        pushes.look(SECONDS[:count], distance[:count, None])
        told.append(pushes.words(float(now_s)))
    assert pushes.began_s == pytest.approx(BEGAN)
    assert "recovering … 1.0 s" in told
    assert "recovered in 1.8 s" in told
    assert told[-1] == "recovered in 1.8 s"
    assert pushes.words(60.0) == ""
