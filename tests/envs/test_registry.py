"""Bodies by name."""

import pytest
from jopa_agent.envs import make_body, names
from jopa_agent.envs.camera import Camera
from jopa_agent.envs.two_rooms import FRAME_SHAPE


def test_every_name_makes_a_body_of_that_name_with_that_camera():
    assert "pendulum" in names()
    for name in names():
        body = make_body(name, Camera(256, 64))
        assert body.spec.name == name
        shape = FRAME_SHAPE if name == "two-rooms" else (64, 64, 1)  # which needs no camera
        assert body.spec.frame_shape == shape
        assert body.reset(0, "hanging").shape == shape
        body.close()


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"^unknown environment 'cartpole': choose from pend"):
        make_body("cartpole", Camera(256, 32))
