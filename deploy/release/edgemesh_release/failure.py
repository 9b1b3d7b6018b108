"""What a person can act on: one line, never a traceback."""


class ReleaseError(Exception):
    """A release cannot be made, for what the text says."""
