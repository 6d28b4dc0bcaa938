"""The command `porter run` in a fork of a process that has done the imports. Imports little itself."""

import os
import sys
from pathlib import Path

import porter.cli.run  # noqa: F401 - for the forks
from porter.cli import main


def command(arguments: list[str], out: Path, err: Path, user: int) -> None:
    """What the command `porter` does, in a process of its own."""
    for file, stream in ((out, sys.stdout), (err, sys.stderr)):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    if user and os.geteuid() == 0:
        os.setuid(user)
    for name in [name for name in os.environ if name.startswith(("PORTER_", "KUBE", "NODE_"))]:
        del os.environ[name]
    sys.exit(main(["run", *arguments]))
