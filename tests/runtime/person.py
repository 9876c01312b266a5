"""The viewer's own process, with a person in front of it who follows a script.

Stands in the place of the Python that starts the processes of a run; all but the viewer it starts
as they are. What is real: the window (of SDL's dummy driver), its loop, and the process. What the
person does comes as events, once a refresh, from a JSON list in ``JOPA_PERSON``:

``["tick", k]`` waits until frame k is shown, ``["refreshes", n]`` so many refreshes,
``["goal", name]`` until that goal is on offer, and clicks it; ``["key", name]`` presses a key,
``["type", text]`` types it, ``["drag", [x, y], [x, y], n]`` drags in the camera's picture, in
halves of it from its middle, for n refreshes; ``["photo", file]``, ``["close"]``.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any


def script(desk: Any, acts: list[list[Any]]) -> Iterator[None]:
    """Act, and yield whenever the window is to go on."""
    import pygame
    from jopa_agent.agent.viewer.panels import live, strip

    def post(kind: int, **about: Any) -> None:
        pygame.event.post(pygame.event.Event(kind, **about))

    def layout() -> Any:
        return desk.viewing.board.layout(pygame.display.get_window_size())

    for act, *about in acts:
        match act:
            case "tick":
                while desk.state.tick < about[0]:
                    yield
            case "refreshes":
                for _ in range(about[0]):
                    yield
            case "goal":
                rect = None
                while rect is None:
                    yield
                    now = layout()
                    groups = strip.places(now.strip, now.look, desk.state.offered())
                    named = [each for group in groups for each in group if each[1].name == about[0]]
                    rect = named[0][0] if named else None
                post(pygame.MOUSEBUTTONDOWN, pos=rect.center, button=pygame.BUTTON_LEFT)
                post(pygame.MOUSEBUTTONUP, pos=rect.center, button=pygame.BUTTON_LEFT)
                yield
            case "key":
                post(pygame.KEYDOWN, key=pygame.key.key_code(about[0]), mod=0)
                yield
            case "type":
                post(pygame.TEXTINPUT, text=about[0])
                yield
            case "drag":
                start, end, refreshes = about
                now = layout()
                picture = live.picture_in(now.live, now.look, desk.state.frame_shape)

                def pixel(at: list[float], picture: Any = picture) -> tuple[int, int]:
                    half = picture.width / 2
                    return (
                        round(picture.centerx + at[0] * half),
                        round(picture.centery + at[1] * half),
                    )

                post(pygame.MOUSEBUTTONDOWN, pos=pixel(start), button=pygame.BUTTON_LEFT)
                post(pygame.MOUSEMOTION, pos=pixel(end), rel=(0, 0), buttons=(1, 0, 0))
                for _ in range(refreshes):
                    yield
                post(pygame.MOUSEBUTTONUP, pos=pixel(end), button=pygame.BUTTON_LEFT)
                yield
            case "photo":
                pygame.image.save(pygame.display.get_surface(), about[0])
            case "close":
                post(pygame.QUIT)
                yield


def sit_down() -> None:
    """Have the script followed, an act a refresh."""
    from jopa_agent.agent.viewer import window

    acts, draw, following = json.loads(os.environ["JOPA_PERSON"]), window._draw, []

    def drawn(desk: Any) -> None:
        draw(desk)
        if not following:
            following.append(script(desk, acts))
        next(following[0], None)

    window._draw = drawn


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if "viewer" not in arguments:
        os.execv(sys.executable, [sys.executable, *arguments])
    sit_down()
    from jopa_agent.agent.runtime.__main__ import main

    sys.argv = ["viewer", *arguments[arguments.index("-m") + 2 :]]
    sys.exit(main())
