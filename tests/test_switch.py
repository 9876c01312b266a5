"""What is on from some tick on."""

from jopa_agent.agent.switch import Switch


def test_the_last_turn_until_a_tick_counts() -> None:
    switch = Switch(False)
    switch.turn(5, True)
    switch.turn(9, False)
    assert [switch.on_at(tick) for tick in (0, 4, 5, 8, 9, 100)] == [
        False, False, True, True, False, False,
    ]  # fmt: skip


def test_a_turn_that_is_known_late_counts_from_now() -> None:
    switch = Switch(True)
    assert switch.on_at(7)
    switch.turn(3, False)
    assert not switch.on_at(8)
