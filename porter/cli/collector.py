"""How often Python looks for garbage: seldom, since nearly all that Porter keeps lives long and is in no cycle."""

import gc

THRESHOLDS = (50_000, 20, 100)
"""New objects until the young are looked at; how many such rounds until the middle ones are, and then the old."""


def collect_seldom() -> None:
    """Set the thresholds for this process. For programs of ours that hold a whole cluster, at their start only.

    Python's own (700, 10, 10) look at the young whenever a list of Services has grown by a few hundred objects, and
    each look at the old walks over every object of the state. Entries, decisions and indexes are freed by reference
    count as soon as they are replaced; only tracebacks and tasks make cycles, and few. Letting 50,000 Services arrive
    took 6.3 times as long as 10,000 with Python's thresholds, and 5.6 times with these (benchmarks.reconcile).
    """
    gc.set_threshold(*THRESHOLDS)
