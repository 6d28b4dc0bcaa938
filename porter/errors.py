"""The errors that a user can mend. One sentence each; the command line prints it and exits with 1.

Never raised for a bug of ours: those keep their own types and their traceback.
"""


class PorterError(Exception):
    """Something outside Porter is not as it must be. The message says what, whose, and what to do."""
