"""The command `porter`, from its first moment: a signal that comes while Python still imports ends it quietly, too."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def main() -> int:
    """Run the command line and return its exit code; see `porter.cli`."""
    try:
        if os.getpid() == 1:  # as in a container; of this one the kernel drops signals that nobody handles
            signal.signal(signal.SIGTERM, _end)
        from porter.cli import main as command  # noqa: PLC0415 - what is imported here may be interrupted

        return command()
    except KeyboardInterrupt:
        return 130


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit()


if __name__ == "__main__":
    sys.exit(main())
