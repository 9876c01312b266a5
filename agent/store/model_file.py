"""Graph models on disk: one safetensors file, with a page (JSON) that says what its numbers are.

The page is the tree of the model, as :mod:`.model_tree` writes it. A checksum tells damage; what a
file says is checked as if a user had said it, and no code is read. Where a later version adds a
field to a class, the class has to have a default for it, which older files are read with; any other
change of what a page means is another format.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import ModelError
from .model_tree import TreeReader, TreeWriter, functions_in

_FORMAT = 1
_LARGEST_BYTES = 1 << 32


def save_graph(model: Any, path: Path | str, functions: Mapping[str, Any] | None = None) -> None:
    """Write ``model`` to the file ``path``: a :class:`JointModel`, any part of one, or a dict.

    Functions are not saved but named: as in ``functions`` where they stand there, otherwise by
    their own name, or where they have none of their own by their place in the model. Objects of
    classes of yours have to stand in ``functions``. A file that was there is replaced at once.
    Raises :class:`ModelError` where the model holds what cannot be saved, or the file cannot be
    written.
    """
    path = Path(path)
    writer = TreeWriter(dict(functions or {}))
    try:
        page = json.dumps(writer.written("", model), allow_nan=False)
        TreeReader(dict(writer.tensors), writer.functions).model(json.loads(page))
    except (ModelError, RecursionError) as error:
        reason = "it holds itself" if isinstance(error, RecursionError) else error
        raise ModelError(f"the model cannot be saved ({reason}): make one that is whole") from None
    metadata = {"format": str(_FORMAT), "page": page, "sha256": _digest(page, writer.tensors)}
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(save(writer.tensors, metadata))
        part.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        raise ModelError(f"model file {str(path)!r} cannot be written: {error}") from None


def load_graph(path: Path | str, functions: Mapping[str, Any] | None = None) -> Any:
    """The model in the file ``path``, with the ``functions`` that it names.

    Raises :class:`ModelError` for a file that is missing, damaged, of another version or no model
    file, and for functions that are missing: it lists their names.
    """
    path, functions = Path(path), dict(functions or {})
    page, tensors = _read(path)
    try:
        tree = json.loads(page, parse_constant=_refuse_constant)
        names = sorted(set(functions_in(tree)))
        missing = [name for name in names if name not in functions]
        if not missing:
            return TreeReader(tensors, functions).model(tree)
    except (ModelError, ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise ModelError(
            f"model file {str(path)!r} cannot be used ({reason}): save it again with save_graph"
        ) from None
    wanted = ", ".join(f"{name!r}: ..." for name in names)
    raise ModelError(
        f"model file {str(path)!r} needs the functions {', '.join(map(repr, missing))}: give "
        f"load_graph(path, functions={{{wanted}}})"
    )


def _read(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """Page and numbers of the file, of this version and undamaged."""
    again = "save it again with save_graph"
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise ModelError(
                f"model file {str(path)!r} has {size} bytes, more than {_LARGEST_BYTES}: {again}"
            )
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            found = metadata.get("format")
            if found != str(_FORMAT):
                kind = "is no model file" if found is None else f"has format {found}"
                raise ModelError(
                    f"model file {str(path)!r} {kind}, this version reads {_FORMAT}: {again}"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        page = metadata["page"]
        if metadata["sha256"] != _digest(page, tensors):
            raise ValueError("its checksum is wrong")
    except FileNotFoundError:
        raise ModelError(f"no model file {str(path)!r}: make one with save_graph") from None
    except ModelError:
        raise
    except Exception as error:  # whatever safetensors and numpy meet  # noqa: BLE001
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ModelError(
            f"model file {str(path)!r} is damaged or no model file ({reason}): {again}"
        ) from None
    return page, tensors


def _refuse_constant(text: str) -> None:
    raise ValueError(f"its page has the number {text}")


def _digest(page: str, tensors: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256(page.encode())
    for name in sorted(tensors):
        value = tensors[name]
        found.update(f"{name} {value.dtype} {value.shape}".encode())
        found.update(np.ascontiguousarray(value).data)
    return found.hexdigest()
