"""The command `porter`, from its first moment: Ctrl-C ends it quietly while Python still imports what it needs, too."""

import sys


def main() -> int:
    """Run the command line and return its exit code; see `porter.cli`."""
    try:
        from porter.cli import main as command  # noqa: PLC0415 - what is imported here may be interrupted

        return command()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
