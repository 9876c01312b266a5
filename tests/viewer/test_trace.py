"""What was seen over the last seconds."""

import numpy as np
from jopa_agent.agent.viewer.trace import Trace


def test_only_the_last_seconds_stay():
    trace = Trace(span_s=2.0)
    for tick in range(100):
        trace.add(tick * 0.1, np.array([tick, -tick]))
    np.testing.assert_allclose(trace.seconds(), np.arange(79, 100) * 0.1, atol=1e-9)
    np.testing.assert_array_equal(trace.values()[-1], [99, -99])


def test_values_that_come_fast_are_thinned_out_over_the_same_seconds():
    trace = Trace(span_s=2.0, points=50)
    for tick in range(10_000):
        trace.add(tick * 0.001, np.array([tick]))
    assert len(trace.seconds()) <= 52
    assert trace.seconds()[-1] - trace.seconds()[0] > 1.9


def test_the_arrays_are_the_same_until_there_is_a_new_value():
    trace = Trace(span_s=2.0)
    trace.add(0.0, np.array([1.0]))
    assert trace.values() is trace.values()
    before = trace.seconds()
    trace.add(1.0, np.array([2.0]))
    assert trace.seconds() is not before
