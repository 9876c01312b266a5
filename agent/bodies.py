"""The body and the camera that the settings ask for."""

from ..configs.settings import Settings
from ..envs import Body, make_body
from ..envs.camera import Camera


def body_for(settings: Settings) -> Body:
    """The body of ``settings.body``, with its camera; the caller closes it."""
    body = settings.body
    return make_body(body.name, Camera(body.camera_crop_px, body.camera_size_px), body.physics)
