"""What can be wrong with a user's files; the text says what, and what to do about it."""

from ..store.errors import ModelError

__all__ = ["DatasetError", "ModelError"]


class DatasetError(ValueError):
    """A dataset that cannot be read, written or used."""
