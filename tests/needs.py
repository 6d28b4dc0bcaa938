"""What a test needs of the machine. Where it is missing the test is skipped, with what to install; in CI that fails."""

from typing import TypeVar

import pytest

T = TypeVar("T")


def needed(found: T | None, what: str, package: str) -> T:
    """Return what was looked for; skip the test where it was not found. `package` is Debian's."""
    if found is None:
        pytest.skip(f"needs {what} (Debian: {package})")
    return found
