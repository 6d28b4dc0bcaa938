"""The namespaces of a lab, held open while processes are looked for by them.

A namespace is known by its inode, and the kernel gives that number at once to another when the last hold on it goes:
a number that was written down says nothing by itself, and nothing after the namespace was deleted.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from porter.lab import namespaces, processes
from porter.lab.state import Namespace, State


@contextlib.contextmanager
def by_name(wanted: Iterable[Namespace]) -> Iterator[frozenset[int]]:
    """The inodes of those namespaces that still have their name; while the block runs, no other can have these."""
    with contextlib.ExitStack() as stack:
        held = [_hold(stack, namespaces.RUN / netns.name) for netns in wanted if netns.inode]
        yield frozenset(held) & {netns.inode for netns in wanted}


@contextlib.contextmanager
def of_lab(directory: Path, known: State, *, named: bool) -> Iterator[frozenset[int]]:
    """The same for a lab, with those that only have processes of the lab in them. Not `named`: no names are seen here.

    A namespace in which somebody else lives, and that has neither a name nor a process of the lab's, is not among them.
    """
    recorded = {netns.inode for netns in known.namespaces if netns.inode}
    with by_name(known.namespaces if named else ()) as inodes, contextlib.ExitStack() as stack:
        lived_in = {
            _hold(stack, Path(f"/proc/{pid}/ns/net")) for pid in processes.belonging(directory, known, frozenset())
        }
        yield inodes | (lived_in & recorded)


def _hold(stack: contextlib.ExitStack, place: Path) -> int:
    """Open a namespace until the stack ends. Returns its inode; 0 when there is none or it may not be opened."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    stack.callback(os.close, handle)
    return os.fstat(handle).st_ino
