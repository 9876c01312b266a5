"""The body and the camera that the settings ask for."""

from ..configs.settings import Settings, SettingsError
from ..envs import Body, make_body
from ..envs.camera import Camera


def body_for(settings: Settings) -> Body:
    """The body of ``settings.body``, with its camera; the caller closes it.

    Raises :class:`SettingsError` for a body, or physics, that there is not.
    """
    body = settings.body
    camera = Camera(body.camera_crop_px, body.camera_size_px)
    try:
        delay = (body.frame_delay, body.command_delay)
        return make_body(body.name, camera, body.physics, delay, body.frame_skip)
    except ValueError as error:
        raise SettingsError(f"section body: {error}") from None
