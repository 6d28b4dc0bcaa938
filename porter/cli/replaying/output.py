"""Print what is told in pieces, in bounded memory: what comes first on the page is often known last."""

import shutil
import sys
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from textwrap import wrap
from typing import Final

import msgspec

from porter.events.closing import Closing
from porter.replay.text import WIDTH

_IN_MEMORY: Final = 4 << 20  # bytes that a list may have before it goes to a temporary file


class Spool(Closing):
    """Lines, or items of a JSON list, that are printed later. Close it, or use it in a `with`."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self.count = 0

    def add_lines(self, lines: Iterable[str]) -> None:
        """Add lines of text."""
        self.count += 1
        self._file.write("".join(f"{line}\n" for line in lines).encode())

    def add_item(self, item: object) -> None:
        """Add an item of a list: one line of JSON."""
        self._file.write(b",\n    " if self.count else b"\n    ")
        self._file.write(msgspec.json.encode(item))
        self.count += 1

    def print(self) -> None:
        """Print the lines."""
        self._file.seek(0)
        sys.stdout.flush()
        shutil.copyfileobj(self._file, sys.stdout.buffer)

    def print_list(self) -> None:
        """Print the items as a JSON list."""
        sys.stdout.write("[")
        self.print()
        sys.stdout.write("\n  ]" if self.count else "]")

    def close(self) -> None:
        """Let go of the temporary file."""
        self._file.close()


def wrapped(text: str, *, indent: int) -> list[str]:
    """Break a text into lines of at most 80 columns."""
    first, rest = " " * indent, " " * (indent + 2)
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def print_object(fields: Iterable[tuple[str, object]]) -> None:
    """Print one JSON object; a Spool among its values is a list."""
    sys.stdout.write("{")
    for count, (name, value) in enumerate(fields):
        sys.stdout.write(f'{"," if count else ""}\n  "{name}": ')
        if isinstance(value, Spool):
            value.print_list()
        else:
            sys.stdout.write(msgspec.json.encode(value).decode())
    sys.stdout.write("\n}\n")
