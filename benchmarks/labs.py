"""Labs of one run of a benchmark: taken down with it, however it ends."""

import contextlib
import os
from collections.abc import Iterator

from porter.cli.lab.options import interruptible
from porter.lab import programs


@contextlib.contextmanager
def of_this_run() -> Iterator[None]:
    """Keep the labs of the block apart, and take them down with it, by SIGTERM too.

    First those of runs that were killed are.
    """
    interruptible()
    with programs.home() as home:
        os.environ["PORTER_LAB_DIR"] = str(home)
        yield
