"""Compiled functions whose products are taken in full precision.

An accelerator's default rounds the factors of a product to fewer bits, which square roots and
small innovations do not survive.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import jax


def compiled(function: Callable | None = None, **options: Any) -> Any:
    """``jax.jit`` with ``options``, in full precision on every machine."""
    if function is None:
        return partial(compiled, **options)

    @wraps(function)
    def precise(*arguments: Any, **named: Any) -> Any:
        with jax.default_matmul_precision("highest"):
            return function(*arguments, **named)

    return jax.jit(precise, **options)
