"""Labs for tests: one of its own for a module, away from the machine's, and waiting for what takes a moment."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from porter.lab import Lab, programs

PLACE = programs.place()
"""Where the labs of tests are: a run that was killed leaves them there, and the next one takes them down."""
YAML = Path(str(resources.files("porter.lab.tutorial")))
"""Where the guide's manifests are."""


@contextmanager
def up(prefix: str, **options: Any) -> Iterator[Lab]:
    """A lab that no other test of this machine has; `options` are those of `Lab.up`."""
    with programs.home(PLACE) as home:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PORTER_LAB_DIR", str(home))
            made = Lab.up(f"{prefix}{os.getpid()}", **options)
        with made:
            yield made


@contextmanager
def home() -> Iterator[Path]:
    """Where the labs of the block are kept, those of commands too; it is not there yet."""
    with programs.home(PLACE) as ours, pytest.MonkeyPatch.context() as patch:
        path = ours / "labs"
        patch.setenv("PORTER_LAB_DIR", str(path))
        yield path


def until(what: str, look: Callable[[], bool], *, within: float = 10.0) -> None:
    """Wait until something is seen."""
    limit = time.monotonic() + within
    while not look():
        assert time.monotonic() < limit, f"not seen within {within} s: {what}"
        time.sleep(0.05)
