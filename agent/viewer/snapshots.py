"""Pictures and films of the window, written beside the run."""

from __future__ import annotations

from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pygame
from PIL import Image

from ...transport.clock import NS_PER_S
from .showing import Notice

LONGEST_S = 60.0
_PER_S = 10
_FRAMES = int(LONGEST_S * _PER_S)
_WIDEST = 960  # px: a large window is filmed smaller, which bounds memory
_COLOURS = 96
_FAREWELL_S = 4.0


def free_name(folder: Path, stem: str, suffix: str) -> Path:
    """The first of ``stem-1``, ``stem-2`` … that is no file yet."""
    number = 1
    while (file := folder / f"{stem}-{number}{suffix}").exists():
        number += 1
    return file


def save_picture(surface: pygame.Surface, folder: Path) -> Notice:
    """Write ``surface`` as a PNG into ``folder``; says where, or why not."""
    file = free_name(folder, "screenshot", ".png")
    try:
        pygame.image.save(surface, str(file))
    except (pygame.error, OSError) as error:
        return Notice(f"the picture cannot be written to {str(folder)!r}: {error}", fault=True)
    return Notice(f"saved {file}")


class Film:
    """Films the window at half its size, ten pictures a second, for a minute at most.

    Pictures are reduced to a few colours and written by a thread of their own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: SimpleQueue[bytes | None] = SimpleQueue()
        self._told: SimpleQueue[Notice] = SimpleQueue()
        self._thread: Thread | None = None
        self._size, self._count, self._next_ns = (0, 0), 0, 0
        self.rolling = False

    def switch(self, size: tuple[int, int], now_ns: int) -> Notice:
        """Begin to film a window of ``size``, or end."""
        if self.rolling:
            self.end()
            return Notice("the film is being written …")
        if self._thread is not None and self._thread.is_alive():
            return Notice("the last film is still being written", fault=True)
        shrink = min(0.5, _WIDEST / size[0])
        self._size = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
        self._count, self._next_ns, self.rolling = 0, now_ns, True
        self._taken = SimpleQueue()
        self._thread = Thread(target=self._write, args=(self._taken, self._size), daemon=True)
        self._thread.start()
        return Notice("filming: V ends it")

    def take(self, surface: pygame.Surface, now_ns: int) -> None:
        """Keep a picture of ``surface`` if it is time for one; after the last, the film ends."""
        if not self.rolling or now_ns < self._next_ns:
            return
        self._next_ns = max(self._next_ns, now_ns - NS_PER_S) + NS_PER_S // _PER_S
        shrunk = pygame.transform.smoothscale(surface, self._size)
        self._taken.put(pygame.image.tobytes(shrunk, "RGB"))
        self._count += 1
        if self._count >= _FRAMES:
            self.end()

    def end(self) -> None:
        """No more pictures: what there is gets written."""
        if self.rolling:
            self.rolling = False
            self._taken.put(None)

    def news(self) -> Notice | None:
        """What has become of a film, once."""
        try:
            return self._told.get_nowait()
        except Empty:
            return None

    def finish(self) -> None:
        """End, and wait a little until it is written."""
        self.end()
        if self._thread is not None:
            self._thread.join(_FAREWELL_S)

    def _write(self, taken: SimpleQueue[bytes | None], size: tuple[int, int]) -> None:
        pictures: list[Image.Image] = []
        while (data := taken.get()) is not None:
            picture = Image.frombytes("RGB", size, data)
            pictures.append(picture.quantize(_COLOURS, dither=Image.Dither.NONE))
        file = free_name(self._folder, "film", ".gif")
        try:
            pictures[0].save(
                file, "gif", save_all=True, append_images=pictures[1:],
                duration=1000 // _PER_S, loop=0,
            )  # fmt: skip
        except IndexError:
            self._told.put(Notice("the film has no picture", fault=True))
        except OSError as error:
            self._told.put(Notice(f"the film cannot be written to {file}: {error}", fault=True))
        else:
            self._told.put(Notice(f"saved {file}"))
