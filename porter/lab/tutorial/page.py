"""What a walk prints: steps, commands with their output, proofs, at 80 columns."""

import textwrap
import time
from collections.abc import Callable
from typing import TypeVar

WIDTH = 80
_T = TypeVar("_T")


class StepFailedError(Exception):
    """A step did not hold. Says what was expected and what was seen."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.expected = expected
        self.seen = seen


class Page:
    """The printed page of one walk."""

    def __init__(self, echo: Callable[[str], None]) -> None:
        self._echo = echo

    def step(self, title: str) -> None:
        """Begin a step."""
        self._echo("")
        self._echo(f"== {title} ".ljust(WIDTH, "="))

    def say(self, text: str) -> None:
        """Explain something in plain words."""
        for line in textwrap.wrap(text, WIDTH - 2):
            self._echo(f"  {line}")

    def ran(self, command: str, output: str = "") -> None:
        """Show a command and what it printed; long lines are broken, never cut."""
        self._echo(f"  $ {command}")
        for line in output.rstrip().splitlines():
            for piece in textwrap.wrap(line, WIDTH - 4, drop_whitespace=False, subsequent_indent="  ") or [""]:
                self._echo(f"    {piece.rstrip()}")

    def holds(self, text: str) -> None:
        """A proof."""
        first, *rest = textwrap.wrap(text, WIDTH - 7)
        self._echo(f"  [ok] {first}")
        for line in rest:
            self._echo(f"       {line}")

    def fails(self, failure: StepFailedError) -> None:
        """What went wrong, both sides."""
        self._echo("  [FAILED]")
        for head, text in (("expected: ", failure.expected), ("seen:     ", failure.seen)):
            for line in textwrap.wrap(head + text, WIDTH - 4, subsequent_indent=" " * len(head)):
                self._echo(f"    {line}")


def expect(expected: str, found: bool, seen: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Go on only if it was found."""
    if not found:
        raise StepFailedError(expected, seen)


def until(expected: str, look: Callable[[], tuple[bool, _T]], *, within: float, every: float = 0.1) -> _T:
    """Look again and again until it holds, and return what was seen; StepFailedError says what was seen last."""
    limit = time.monotonic() + within
    while True:
        holds, seen = look()
        if holds:
            return seen
        if time.monotonic() > limit:
            raise StepFailedError(f"{expected} within {within:g} s", str(seen))
        time.sleep(every)
