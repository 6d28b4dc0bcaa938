"""What became of frames: counted where they are heard and said, summed over sockets, and never taken back."""

from collections import Counter
from dataclasses import dataclass, field

from . import messages

KERNEL = "kernel"
"""The socket's buffer had no room: the frame never reached user space."""
UNSENT = "unsent"
"""An answer, or what was to be said, that the NIC did not take."""


@dataclass
class Tally:
    """Counts that only grow."""

    answered: int = 0
    sent: int = 0
    """Frames that were said unasked."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Frames by the reason for which they were not answered, or not sent."""

    def add(self, other: "Tally") -> None:
        """Add the counts of another."""
        self.answered += other.answered
        self.sent += other.sent
        self.dropped.update(other.dropped)

    def message(self) -> messages.Counters:
        """Return the counts as the agent is told of them."""
        return messages.Counters(self.answered, self.sent, dict(sorted((+self.dropped).items())))
