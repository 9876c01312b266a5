"""Checks of the parts that a joint model is built of."""

from typing import Any

from .block import Block
from .coupling import LinearCoupling


def listed(name: str, parts: Any, kind: type) -> tuple[Any, ...]:
    """``parts`` as a tuple; ValueError where they are one of a ``kind``, or no list at all."""
    try:
        if not isinstance(parts, kind):
            return tuple(parts)
    except TypeError:
        pass
    raise ValueError(
        f"{name} is {type(parts).__name__}: a model may have several; give a list of "
        f"{kind.__name__}, such as [{kind.__name__}(…)]"
    )


def of_kind(name: str, value: Any, *kinds: type) -> None:
    """ValueError unless ``value`` is of one of these ``kinds``."""
    if not isinstance(value, kinds):
        wanted = " or ".join(f"a {kind.__name__}" for kind in kinds)
        raise ValueError(
            f"{name} is {type(value).__name__}: it would not be understood; give {wanted}"
        )


def check_blocks(blocks: tuple[Any, ...]) -> None:
    """ValueError unless these are blocks of different names, driven by one control vector."""
    if not blocks:
        raise ValueError("blocks are empty: a model needs at least one")
    for block in blocks:
        if not isinstance(block, Block) and not getattr(block, "is_discrete", False):
            raise ValueError(f"blocks hold a {type(block).__name__}: give Block(name, transition)")
    names = [block.name for block in blocks]
    if len(set(names)) < len(names):
        raise ValueError(f"blocks are named {names}: every name may stand once")
    kinds = {block.model.actions for block in blocks if not isinstance(block, Block)}
    if len(kinds) > 1:
        raise ValueError(
            f"discrete blocks know {sorted(kinds)} actions: one sequence of actions drives all; "
            "give them as many"
        )
    sizes = {block.transition.controls for block in blocks if isinstance(block, Block)} - {0}
    if len(sizes) > 1:
        raise ValueError(
            f"blocks take {sorted(sizes)} controls: one control vector drives all, so that a block "
            "takes all of it or none; give each the full size (a learned B finds its zeros)"
        )


def check_couplings(couplings: tuple[Any, ...], blocks: tuple[Block, ...]) -> None:
    """ValueError unless each ties two of the ``blocks``, by a matrix of their sizes."""
    dims = {block.name: block.dim for block in blocks if isinstance(block, Block)}
    discrete = {block.name for block in blocks} - set(dims)
    for coupling in couplings:
        if not isinstance(coupling, LinearCoupling):
            raise ValueError(f"couplings hold a {type(coupling).__name__}: give LinearCoupling")
        for end in (coupling.source, coupling.target):
            if end in discrete:
                raise ValueError(
                    f"the coupling of {coupling.source!r} and {coupling.target!r} is linear, but "
                    f"{end!r} is discrete: its states have no coordinates; leave it out"
                )
            if end not in dims:
                raise ValueError(f"a coupling names {end!r}, but the blocks are {list(dims)}")
        wanted = (dims[coupling.target], dims[coupling.source])
        if coupling.matrix.shape != wanted:
            raise ValueError(
                f"the coupling of {coupling.source!r} and {coupling.target!r} has a matrix "
                f"{coupling.matrix.shape}, but their sizes need {wanted}"
            )
