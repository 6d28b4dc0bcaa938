"""The one error of a log that a user can mend."""

from porter.errors import PorterError


class LogError(PorterError):
    """A log that cannot be opened, read or written. The message says which, and what to do."""
