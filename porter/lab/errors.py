"""What can go wrong in a lab and the user can mend: one sentence, exit code 1. A bug of ours is never one of these."""

import click


class LabError(click.ClickException):
    """A lab cannot do what was asked. The message says what is wrong and what to do."""


class NoSuchLabError(LabError):
    """There is no lab of that name."""


class LabExistsError(LabError):
    """A lab of that name is there already."""
