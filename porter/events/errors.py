"""The errors of a log that a user can mend."""

from porter.errors import PorterError


class LogError(PorterError):
    """A log that cannot be opened, read or written. The message says which, and what to do."""


class DamagedLogError(LogError):
    """A log that is Porter's and is not as it was written: bytes or entries were lost or altered."""


class WrongKindError(Exception):
    """A database holds something of another kind than its column is of: SQLite lets anybody store anything there.

    The message says where; `porter.events.refusals.explained` turns it into a DamagedLogError.
    """


class CompactedLogError(LogError):
    """A fold would need entries that are not there any more; it must begin with a snapshot."""
