"""The bench that the tests on the wire share."""

from collections.abc import Iterator

import pytest

from tests.plugins.bench import Bench
from tests.plugins.netns import wire


@pytest.fixture
def bench() -> Iterator[Bench]:
    with wire() as made:
        ready = Bench(made)
        try:
            yield ready
        finally:
            ready.announcing.stop()
