"""What every window can do, of a run or of a recording: theme, help, pictures, films, notices."""

from __future__ import annotations

from pathlib import Path

import pygame

from ...transport.clock import NS_PER_S
from .board import Board
from .look import DARK, LIGHT
from .showing import Notice
from .snapshots import Film, save_picture

_TOLD_NS = 6 * NS_PER_S


class Viewing:
    """A window's looks, and its pictures, which go to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.board = Board()
        self.film = Film(folder)
        self.helping = False
        self._folder = folder
        self._notice: Notice | None = None
        self._until_ns = 0
        self._shoot = False

    def tell(self, notice: Notice, now_ns: int) -> None:
        """Show a notice for some seconds."""
        self._notice, self._until_ns = notice, now_ns + _TOLD_NS

    def notice(self, now_ns: int) -> Notice | None:
        """What is to be shown now."""
        news = self.film.news()
        if news:
            self.tell(news, now_ns)
        return self._notice if now_ns < self._until_ns else None

    def do(self, name: str, size: tuple[int, int], now_ns: int) -> bool:
        """Do what the control called ``name`` does, in a window of ``size``; False where it is none
        of those that every window has."""
        match name:
            case "theme":
                self.board.theme = LIGHT if self.board.theme is DARK else DARK
            case "help":
                self.helping = not self.helping
            case "screenshot":
                self._shoot = True
            case "film":
                self.tell(self.film.switch(size, now_ns), now_ns)
            case _:
                return False
        return True

    def drawn(self, surface: pygame.Surface, now_ns: int) -> None:
        """The window has been drawn: take the pictures of it that were asked for."""
        if self._shoot:
            self._shoot = False
            self.tell(save_picture(surface, self._folder), now_ns)
        was_rolling = self.film.rolling
        self.film.take(surface, now_ns)
        if was_rolling and not self.film.rolling:
            self.tell(Notice("a film lasts a minute at most: it is being written …"), now_ns)
