"""Where a replay is: plays, pauses, steps, and answers keys and the mouse; it draws nothing."""

import pygame

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

_LEAP_S = 1.0


class Player:
    """A position in seconds from the run's beginning, until ``length_s``, in steps of ``period_s``.

    Space plays and pauses, the arrows step (with shift by a second), Home and End go to the ends,
    up and down change the speed; the mouse on the bar goes there.
    """

    def __init__(self, length_s: float, period_s: float, speed: float) -> None:
        self.position_s, self.playing = 0.0, True
        self.speed = min(SPEEDS, key=lambda each: abs(each - speed))
        self.length_s, self._period_s = length_s, period_s
        self._dragging = False

    def advance(self, passed_s: float) -> None:
        """Let ``passed_s`` seconds go by."""
        if self.playing and not self._dragging:
            self.go_to(self.position_s + self.speed * passed_s)
            if self.position_s >= self.length_s:
                self.playing = False

    def go_to(self, position_s: float) -> None:
        self.position_s = min(max(position_s, 0.0), self.length_s)

    def answer(self, event: pygame.event.Event, bar: pygame.Rect) -> bool:
        """Act on what the user did; False when it asks to end."""
        match event.type:
            case pygame.QUIT:
                return False
            case pygame.KEYDOWN:
                return self._answer_key(event)
            case pygame.MOUSEBUTTONDOWN if event.button == pygame.BUTTON_LEFT:
                self._dragging = bar.collidepoint(event.pos)
                if self._dragging:
                    self._follow(event.pos[0], bar)
            case pygame.MOUSEMOTION if self._dragging:
                self._follow(event.pos[0], bar)
            case pygame.MOUSEBUTTONUP if event.button == pygame.BUTTON_LEFT:
                self._dragging = False
        return True

    def _answer_key(self, event: pygame.event.Event) -> bool:
        step_s = _LEAP_S if event.mod & pygame.KMOD_SHIFT else self._period_s
        place = SPEEDS.index(self.speed)
        match event.key:
            case pygame.K_q | pygame.K_ESCAPE:
                return False
            case pygame.K_SPACE:
                if self.position_s >= self.length_s:
                    self.position_s = 0.0
                self.playing = not self.playing
            case pygame.K_LEFT | pygame.K_RIGHT:
                self.playing = False
                self.go_to(self.position_s + (step_s if event.key == pygame.K_RIGHT else -step_s))
            case pygame.K_HOME:
                self.go_to(0.0)
            case pygame.K_END:
                self.go_to(self.length_s)
            case pygame.K_UP:
                self.speed = SPEEDS[min(place + 1, len(SPEEDS) - 1)]
            case pygame.K_DOWN:
                self.speed = SPEEDS[max(place - 1, 0)]
        return True

    def _follow(self, x: int, bar: pygame.Rect) -> None:
        self.go_to((x - bar.x) / bar.width * self.length_s)
