"""What can be wrong with a user's files; the text says what, and what to do about it."""


class DatasetError(ValueError):
    """A dataset that cannot be read, written or used."""


class ModelError(ValueError):
    """A model folder that cannot be read, written or used."""
