"""The page about a model: what is in the folder beside its numbers."""

import tomllib
from pathlib import Path
from typing import Any

from .errors import ModelError

PAGE = "model.toml"


def page_of(folder: Path, remake: str, **expected: Any) -> dict[str, Any]:
    """The page about the model in ``folder``, whose entries are as ``expected``.

    Raises :class:`ModelError` where there is none, or one of another kind or version; it ends with
    ``remake``: what to do.
    """
    file = folder / PAGE
    try:
        page = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"no model in folder {str(folder)!r}: {remake}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"model page {str(file)!r} cannot be read ({error}): {remake}") from None
    for name, wanted in expected.items():
        if (found := page.get(name)) != wanted:
            raise ModelError(
                f"model folder {str(folder)!r} has {name} {found!r}, where {wanted!r} is wanted: "
                f"{remake}"
            )
    return page
