"""What can be wrong with a model's file; the text says what, and what to do about it."""


class ModelError(ValueError):
    """A model that cannot be read, written or used."""
