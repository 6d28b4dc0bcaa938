"""A writer to be killed: appends batches of chance length and says after each which entry was promised to be there."""

import random
import sys

from porter.events.entries import AgentStopped, Recorded
from porter.events.log import EventLog
from porter.model.names import NodeName
from tests.events.examples import BEGIN


def main(url: str, seed: int) -> None:
    chance = random.Random(seed)
    with EventLog.open(url, stream="node1", migrate=True) as log:
        print(log.last_seq, flush=True)  # noqa: T201 - the promise, to the test
        while True:
            first = log.last_seq + 1
            last = first + chance.randrange(1, 40)
            batch = NodeName(f"{first}-{last}")  # every entry of a batch names the batch
            log.append([Recorded(seq, BEGIN, AgentStopped(node=batch)) for seq in range(first, last + 1)])
            print(last, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
