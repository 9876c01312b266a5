"""pymdp, which does the inference of discrete agents and comes with an extra."""

from importlib import import_module
from typing import Any


class MissingExtraError(ValueError):
    """A part that is not installed; the text says how to install it."""


def pymdp(module: str = "agent") -> Any:
    """The module of pymdp of that name; :class:`MissingExtraError` where pymdp is not installed."""
    try:
        return import_module(f"pymdp.{module}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"discrete agents need pymdp, which is not installed ({error}): pip install "
            "'jopa-agent[discrete]'"
        ) from None
