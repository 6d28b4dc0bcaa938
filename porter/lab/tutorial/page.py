"""What a walk prints: steps, commands with their output, proofs, at 80 columns."""

import re
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
        for line in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False):
            self._echo(f"  {line}")

    def ran(self, command: str, output: str = "") -> None:
        """Show a command and what it printed; long lines are broken, never cut."""
        pieces = [piece.strip() for piece in _broken(command, WIDTH - 6)]
        for number, piece in enumerate(pieces):
            prompt = "$" if number == 0 else "   "
            self._echo(f"  {prompt} {piece}" + (" \\" if number + 1 < len(pieces) else ""))
        for line in output.rstrip().splitlines():
            for piece in _broken(line, WIDTH - 4):
                self._echo(f"    {piece.rstrip()}")

    def quote(self, command: str, output: str) -> None:
        """Show a command and what it printed for people, as it is: such output keeps to 80 columns itself."""
        self.ran(command)
        for line in ["", *output.rstrip().splitlines(), ""]:
            self._echo(line)

    def table(self, command: str, output: str) -> None:
        """Show a command and the table it printed: the columns that fit, closer together; the others are named."""
        rows = [re.split(r" {2,}", line.rstrip()) for line in output.rstrip().splitlines()]
        if not rows or any(len(row) != len(rows[0]) for row in rows):
            self.ran(command, output)
            return
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        shown = len(widths)
        while sum(widths[:shown]) + 2 * (shown - 1) > WIDTH - 4:
            shown -= 1
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths[:shown], strict=False)) for row in rows]
        if hidden := rows[0][shown:]:
            lines.append(f"(and {', '.join(hidden)})")
        self.ran(command, "\n".join(lines))

    def holds(self, text: str) -> None:
        """A proof."""
        first, *rest = textwrap.wrap(text, WIDTH - 7, break_on_hyphens=False)
        self._echo(f"  [ok] {first}")
        for line in rest:
            self._echo(f"       {line}")

    def fails(self, failure: StepFailedError) -> None:
        """What went wrong, both sides."""
        self._echo("  [FAILED]")
        for head, text in (("expected: ", failure.expected), ("seen:     ", failure.seen)):
            for line in textwrap.wrap(head + text, WIDTH - 4, subsequent_indent=" " * len(head)):
                self._echo(f"    {line}")


def _broken(line: str, width: int) -> list[str]:
    return textwrap.wrap(
        line, width, drop_whitespace=False, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    ) or [""]


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
