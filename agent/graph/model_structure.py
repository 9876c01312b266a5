"""What the coordinates of a model stand for: declared by name, and held against its matrices."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .check import is_traced

if TYPE_CHECKING:
    from .linear_gaussian_model import LinearGaussianModel

Groups = tuple[tuple[str, tuple[int, ...]], ...]
Pairs = Iterable[tuple[str, Sequence[int]]]


@dataclass(frozen=True, init=False)
class ModelStructure:
    """Names for groups of a model's coordinates; static and hashable, with no arrays.

    ``factors`` group the states by the cause that they belong to; ``roles`` group them by their
    place about a Markov blanket (by custom ``"external"``, ``"internal"``, ``"active"``);
    ``channels`` group the rows of an observation by the sense that they come from. Each is given
    as pairs of a name and indices, and kept as ``((name, (index, ...)), ...)``.

    Raises ValueError where a name is given twice in one grouping, or an index is not a whole
    number from zero on. What takes a model to decide, :meth:`validate` checks.
    """

    factors: Groups
    roles: Groups
    channels: Groups

    def __init__(self, factors: Pairs = (), roles: Pairs = (), channels: Pairs = ()) -> None:
        for kind, pairs in (("factors", factors), ("roles", roles), ("channels", channels)):
            object.__setattr__(self, kind, _groups(kind, pairs))

    @classmethod
    def from_dicts(
        cls,
        *,
        factors: Mapping[str, Sequence[int]] | None = None,
        roles: Mapping[str, Sequence[int]] | None = None,
        channels: Mapping[str, Sequence[int]] | None = None,
    ) -> "ModelStructure":
        """From dictionaries of a name to indices, e.g. ``factors={"arm": [0, 1]}``."""
        return cls(_pairs("factors", factors), _pairs("roles", roles), _pairs("channels", channels))

    @property
    def factor_names(self) -> tuple[str, ...]:
        """Names of the factors, as declared."""
        return tuple(name for name, _ in self.factors)

    def factor(self, name: str) -> tuple[int, ...]:
        """State indices of the factor ``name``; ValueError where none has it."""
        return _named("factor", name, self.factors)

    def channel(self, name: str) -> tuple[int, ...]:
        """Observation rows of the channel ``name``; ValueError where none has it."""
        return _named("channel", name, self.channels)

    def role_of(self, index: int) -> str | None:
        """Role of the state ``index``, None where it has none."""
        return next((role for role, indices in self.roles if index in indices), None)

    def summary(self) -> str:
        """What is declared, in lines to read."""
        lines = []
        for kind, unit, groups in (
            ("factors", "states", self.factors),
            ("roles", "states", self.roles),
            ("channels", "rows", self.channels),
        ):
            lines.append(f"{kind}:" if groups else f"{kind}: none declared")
            lines += [f"  {name}: {unit} {', '.join(map(str, group))}" for name, group in groups]
        return "\n".join(lines)

    def validate(self, model: "LinearGaussianModel", *, atol: float = 1e-9) -> None:
        """Raise ValueError where what is declared does not fit ``model``.

        Factors, and roles, must each hold every state exactly once; channels hold rows of the
        observation at most once. Different factors must not drive each other: their blocks of
        ``dynamics``, and of ``dynamics_noise`` unless ``process_noise`` stands in for it, are zero
        to within ``atol``. A channel reads from one factor only.
        """
        for kind, groups, size in (
            ("factors", self.factors, model.n_states),
            ("roles", self.roles, model.n_states),
            ("channels", self.channels, model.n_observations),
        ):
            _check_disjoint(kind, groups, size)
            if groups and kind != "channels":
                _check_complete(kind, groups, size)
        _check_apart(self.factors, "dynamics", model.dynamics, atol)
        if model.process_noise is None:
            _check_apart(self.factors, "dynamics_noise", model.dynamics_noise, atol)
        _check_channels(self.channels, self.factors, model.sensor_model, atol)


def _groups(kind: str, pairs: Pairs) -> Groups:
    groups = tuple(_group(kind, pair) for pair in _listed(kind, pairs))
    names = [name for name, _ in groups]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{kind} names {twice[0]!r} twice: only the first would ever be found; give each group "
            "a name of its own"
        )
    return groups


def _pairs(kind: str, groups: Any) -> Any:
    if groups is not None and not isinstance(groups, Mapping):
        raise ValueError(
            f"{kind} is {type(groups).__name__}: groups have names; give a dict of name to indices"
        )
    return (groups or {}).items()


def _listed(kind: str, pairs: Any) -> tuple[Any, ...]:
    if isinstance(pairs, Mapping):
        raise ValueError(
            f"{kind} is {type(pairs).__name__}: it would be read as names alone; give pairs of a "
            "name and indices, or call ModelStructure.from_dicts"
        )
    try:
        return tuple(pairs)
    except TypeError:
        raise ValueError(
            f"{kind} is {pairs!r}: groups are several; give pairs of a name and indices"
        ) from None


def _group(kind: str, pair: Any) -> tuple[str, tuple[int, ...]]:
    try:
        name, indices = pair
    except (TypeError, ValueError):
        raise ValueError(
            f"{kind} holds {pair!r}: a group has a name and indices; give a pair such as "
            "('arm', [0, 1])"
        ) from None
    where = f"{kind}[{name!r}]"
    try:
        listed = tuple(indices)
    except TypeError:
        raise ValueError(
            f"{where} is {indices!r}: a group is of several coordinates; give a list of indices"
        ) from None
    return str(name), tuple(_index(where, index) for index in listed)


def _index(name: str, value: Any) -> int:
    try:
        index = operator.index(value)
    except TypeError:
        index = -1
    if index < 0:
        raise ValueError(
            f"{name} holds {value!r}: no coordinate has that index; give whole numbers from 0 on"
        )
    return index


def _named(kind: str, name: str, groups: Groups) -> tuple[int, ...]:
    for declared, indices in groups:
        if declared == name:
            return indices
    names = ", ".join(repr(declared) for declared, _ in groups) or "none"
    raise ValueError(f"no {kind} is named {name!r}: nothing to look up; declared: {names}")


def _check_disjoint(kind: str, groups: Groups, size: int) -> None:
    """Every index lies within ``size``, and in one group only."""
    owner: dict[int, str] = {}
    for name, indices in groups:
        for index in indices:
            if index >= size:
                raise ValueError(
                    f"{kind}[{name!r}] holds {index}: the model has only {size} of them; give "
                    f"indices below {size}"
                )
            if index in owner:
                raise ValueError(
                    f"{kind}[{name!r}] holds {index}, which {owner[index]!r} holds already: it "
                    "would have two meanings; give each index to one group"
                )
            owner[index] = name


def _check_complete(kind: str, groups: Groups, size: int) -> None:
    """Every one of ``size`` indices lies in a group."""
    missing = sorted(set(range(size)) - {index for _, indices in groups for index in indices})
    if missing:
        raise ValueError(
            f"{kind} leaves out the states {missing}: they would belong nowhere; give each of the "
            f"{size} states to a group"
        )


def _check_apart(factors: Groups, name: str, matrix: Any, atol: float) -> None:
    """The blocks of ``matrix`` between different factors are zero."""
    if is_traced(matrix):
        return
    values = np.asarray(matrix)
    for into, rows in factors:
        for out_of, columns in factors:
            if into == out_of:
                continue
            block = np.abs(values[np.ix_(rows, columns)])
            found = np.argwhere(~(block <= atol))
            if len(found):
                row, column = rows[found[0][0]], columns[found[0][1]]
                raise ValueError(
                    f"{name}[{row}, {column}] is {values[row, column]:.3g}: it ties the factors "
                    f"{into!r} and {out_of!r}, which are declared apart; make it zero, or declare "
                    "them as one factor"
                )


def _check_channels(channels: Groups, factors: Groups, sensor_model: Any, atol: float) -> None:
    """Each channel reads from one factor."""
    if is_traced(sensor_model):
        return
    values = np.abs(np.asarray(sensor_model))
    for name, rows in channels:
        read = [f for f, states in factors if not (values[np.ix_(rows, states)] <= atol).all()]
        if len(read) > 1:
            raise ValueError(
                f"channels[{name!r}] reads from the factors {read}: a sense of one cause would "
                "tell of several; make the entries of sensor_model zero outside one factor, or "
                "split the channel"
            )
