"""Processes that a test has started."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def killed(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process with the block, however that ends: Popen's own waits for it, for ever after a failure."""
    try:
        yield
    finally:
        process.kill()
