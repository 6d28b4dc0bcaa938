"""What became of frames: counted where they are heard and said, summed over sockets, and never taken back."""

from collections import Counter

from . import messages

KERNEL = "kernel"
"""The socket's buffer had no room: the frame never reached user space."""
UNSENT = "unsent"
"""An answer, or what was to be said, that the NIC did not take."""


class Tally:
    """Counts that only grow."""

    def __init__(self, answered: int = 0, dropped: Counter[str] | None = None) -> None:
        self.answered = answered
        self.sent = 0
        """Frames that were said unasked."""
        self.dropped: Counter[str] = Counter() if dropped is None else dropped
        """Frames by the reason for which they were not answered, or not sent."""

    def add(self, other: "Tally") -> None:
        """Add the counts of another."""
        self.answered += other.answered
        self.sent += other.sent
        self.dropped.update(other.dropped)

    def message(self) -> messages.Counters:
        """Return the counts as the agent is told of them."""
        return messages.Counters(self.answered, self.sent, dict(sorted((+self.dropped).items())))
