"""An ordinary user for tests that run as root: no rights, a home that goes with the test, and Porter within reach.

The clone or the interpreter may be in root's own home, so the user lives in a mount namespace in which that is a way
through to the two and shows nothing else. Nothing of the machine is changed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

USER = 54321
"""No account of any machine."""
HOME = Path("/mnt/home")
_SEARCHABLE = 0o001
_NEEDED = {Path(sys.base_prefix), Path(sys.prefix), Path(__file__).parents[2]}


class Ordinary(NamedTuple):
    """The user, as long as `ordinary` lasts."""

    holder: subprocess.Popen[str]

    def run(
        self, *command: str | Path, text: str | None = None, wait: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as that user, with HOME as home and working directory."""
        where = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"]
        user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all"]
        path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        env = ["env", "-i", f"--chdir={HOME}", f"HOME={HOME}", f"PATH={path}"]
        argv = [*where, *user, *env, *map(str, command)]
        return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=wait, check=False)

    def path(self, path: str | Path) -> Path:
        """A file of that user's, as root sees it."""
        return Path(f"/proc/{self.holder.pid}/root{path}")

    def processes(self) -> list[int]:
        """What that user runs."""
        found, home = [], self.path(HOME).stat().st_dev
        for entry in Path("/proc").iterdir():
            try:
                if int(entry.name) != self.holder.pid and Path(f"{entry}/root{HOME}").stat().st_dev == home:
                    found.append(int(entry.name))
            except (OSError, ValueError):
                continue
        return found


@contextmanager
def ordinary() -> Iterator[Ordinary]:
    """An ordinary user, while the block runs."""
    script = "\n".join([*_script(), "echo there", "exec cat"])  # `cat` ends with our end of the pipe
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "there\n"
        user = Ordinary(holder)
        (said,) = user.run("id", "--user").stdout.split()
        assert int(said) == USER
        yield user


def _script() -> Iterator[str]:
    yield "mount -t tmpfs none /mnt"
    yield f"mkdir {HOME} && chown {USER}:{USER} {HOME}"
    kept = {path: f"/mnt/kept{number}" for number, path in enumerate(sorted(_NEEDED))}
    yield from (f"mkdir {place} && mount --rbind '{path}' {place}" for path, place in kept.items())
    closed = {next((up for up in reversed(path.parents) if not up.stat().st_mode & _SEARCHABLE), None) for path in kept}
    for top in sorted(path for path in closed if path is not None):
        yield f"mount -t tmpfs -o mode=755 none '{top}'"
        for path, place in kept.items():
            if path.is_relative_to(top):
                yield f"mkdir -p '{path}' && mount --rbind {place} '{path}'"
