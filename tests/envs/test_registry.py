"""Bodies by name."""

import pytest
from jopa_agent.envs import make_body, names
from jopa_agent.envs.camera import Camera


def test_every_name_makes_a_body_of_that_name_with_that_camera():
    assert "pendulum" in names()
    for name in names():
        body = make_body(name, Camera(256, 64))
        assert body.spec.name == name
        assert body.spec.frame_shape == (64, 64, 1)
        assert body.reset(0, "hanging").shape == (64, 64, 1)
        body.close()


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"^unknown environment 'cartpole': choose from pend"):
        make_body("cartpole", Camera(256, 32))
