"""Compiled functions whose products are taken in full precision, and that compile soon.

An accelerator's default rounds the factors of a product to fewer bits, which square roots and
small innovations do not survive.
"""

from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Any

import jax

from .check import is_traced

# XLA's newer generator of code for a CPU takes twice as long, and its code runs no faster here.
_SOON: dict[str, bool | int] = {"xla_cpu_use_fusion_emitters": False}

# Without optimised machine code large programs compile in less than half of that again, and run a
# quarter slower.
_SOONEST = _SOON | {"xla_backend_optimization_level": 0}


def compiled(
    function: Callable | None = None, *, lean: bool = False, soonest: bool = False, **options: Any
) -> Any:
    """``jax.jit`` with ``options``, in full precision on every machine.

    It compiles in half the time where it is called by itself on a CPU, unless ``lean``: then a
    call has no overhead of its own. Where it is ``soonest``, it compiles sooner still, and runs a
    quarter slower.
    """
    if function is None:
        return partial(compiled, lean=lean, soonest=soonest, **options)

    @wraps(function)
    def precise(*arguments: Any, **named: Any) -> Any:
        with jax.default_matmul_precision("highest"):
            return function(*arguments, **named)

    plain = jax.jit(precise, **options)
    if lean:
        return plain
    soon = jax.jit(precise, compiler_options=_SOONEST if soonest else _SOON, **options)

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if not _can_be_soon() or any(map(is_traced, jax.tree.leaves((arguments, named)))):
            return plain(*arguments, **named)
        try:
            return soon(*arguments, **named)
        except ValueError as error:
            if "compiler_options" not in str(error):
                raise
            return plain(*arguments, **named)  # inside another compiled function

    return call


@cache
def _can_be_soon() -> bool:
    """Whether this XLA has a CPU's options, and those among them."""
    if jax.default_backend() != "cpu":
        return False
    try:
        jax.jit(lambda: 0, compiler_options=_SOONEST).lower().compile()
    except Exception:  # whatever an XLA without it raises  # noqa: BLE001
        return False
    return True
