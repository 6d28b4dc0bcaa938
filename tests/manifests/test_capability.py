"""An ordinary user's way to a raw socket, as the image and the DaemonSet lay it out: the kernel's rules, tried."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from porter.manifests import render
from porter.plugins.layer2.announcer import rights

pytestmark = pytest.mark.root

USER = 65532
BEGIN = """\
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
permitted, no_new_privileges, *command = sys.argv[1:]
for capability in range(64):
    if capability != 13:
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: drop ALL, add NET_RAW
libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
os.setgroups([])
os.setresgid(65532, 65532, 65532)
os.setresuid(65532, 65532, 65532)
kept = int(permitted) << 13
header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
assert libc.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)) == 0
if int(no_new_privileges):
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS: allowPrivilegeEscalation: false
os.execv(command[0], command)
"""
"""What a container's runtime does with itself before it becomes the container's first process."""
AGENT = """\
import socket, subprocess, sys
def can_open():
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return "no"
    return "yes"
if sys.argv[1:] == ["announcer"]:
    import rights
    rights.keep_only_raw_sockets()
    print(can_open())
else:
    print(can_open(), flush=True)
    subprocess.run([sys.executable, __file__, "announcer"], check=True)
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """A directory that everybody may read, with an interpreter as the image has it."""
    # where files may carry capabilities
    base = next(
        each for each in (tempfile.gettempdir(), "/var/tmp", "/opt") if not os.statvfs(each).f_flag & os.ST_NOSUID
    )
    place = Path(tempfile.mkdtemp(prefix="porter-image-", dir=base))
    place.chmod(0o755)
    for name, text in (("begin.py", BEGIN), ("agent.py", AGENT), ("rights.py", Path(rights.__file__).read_text())):
        (place / name).write_text(text)
        (place / name).chmod(0o644)
    shutil.copy(_interpreter(), place / "python3")
    # setcap cap_net_raw+p: revision 2 without the effective flag, linux/capability.h
    os.setxattr(place / "python3", "security.capability", bytes.fromhex("00000002 00200000 00000000 00000000 00000000"))
    yield place
    shutil.rmtree(place)


def _interpreter() -> Path:
    """A Python that an ordinary user may run: where root's own is in root's home, the system's."""
    for name in (sys.executable, "/usr/bin/python3"):
        path = Path(name).resolve()
        tried = (
            subprocess.run([path, "-c", "import subprocess"], user=USER, check=False, capture_output=True, cwd="/")
            if path.exists() and _is_readable(path)
            else None
        )
        if tried is not None and tried.returncode == 0:
            return path
    raise AssertionError("no Python is here that an ordinary user may run; apt-get install python3")


def _is_readable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


@pytest.mark.parametrize(
    ("permitted", "no_new_privileges", "announcer"),
    [(1, 1, "yes"), (1, 0, "yes"), (0, 0, "yes"), (0, 1, "no")],
    ids=[
        "containerd and CRI-O",
        "containerd and CRI-O, escalation allowed",
        "Docker Engine, escalation allowed",
        "Docker Engine",
    ],
)
def test_the_announcer_alone_can_open_a_raw_socket(
    image: Path, *, permitted: int, no_new_privileges: int, announcer: str
) -> None:
    argv = [sys.executable, str(image / "begin.py"), str(permitted), str(no_new_privileges)]
    argv += [str(image / "python3"), str(image / "agent.py")]

    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, cwd="/", env={})

    assert done.stderr == ""
    assert done.stdout.split() == ["no", announcer], "the agent first, then the announcer that it starts"


def test_the_manifest_lays_it_out_so() -> None:
    text = render(["daemonset"])

    assert "allowPrivilegeEscalation: false" in text
    assert f"runAsUser: {USER}" in text
