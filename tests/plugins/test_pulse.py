"""What is held against an announcer that does not answer: that it stands still, and not that the machine is busy."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from porter.plugins.layer2.announcer.messages import Event
from porter.plugins.layer2.process import AnnouncerProcess
from porter.plugins.layer2.pulse import Pulse
from tests.plugins.netns import settle


@contextmanager
def running(code: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", code, *words])
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def state(child: subprocess.Popen[bytes]) -> str:
    return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("stopped", [False, True])
def test_one_that_stands_still_hangs_after_three_beats_without_an_answer(stopped: bool) -> None:  # noqa: FBT001
    with running("import signal; signal.pause()") as child:
        if stopped:
            child.send_signal(signal.SIGSTOP)
        settle(lambda: state(child) == ("T" if stopped else "S"))
        pulse = Pulse(child.pid)

        told = [pulse.missed() for _ in range(4)]

    assert told == [None, None, None, "it gave no answer for 6 s"]


def test_one_that_computes_gets_half_a_minute() -> None:
    with running("while True: pass") as child:
        settle(lambda: state(child) == "R")
        pulse = Pulse(child.pid)

        told = [pulse.missed() for _ in range(16)]

    assert told[:15] == [None] * 15
    assert told[15] == "it gave no answer for 30 s"


SPAWN = """
import os, sys
os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])
"""  # vfork(2): the parent waits in the kernel until its child, which waits for somebody to write, runs the program


def test_one_that_the_kernel_has_wait_gets_half_a_minute(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with running(SPAWN, str(fifo)) as child:
        settle(lambda: state(child) == "D")
        try:
            pulse = Pulse(child.pid)
            told = [pulse.missed() for _ in range(16)]
        finally:
            fifo.write_bytes(b"")
        assert child.wait(10) == 0

    assert told[:15] == [None] * 15
    assert told[15] == "it gave no answer for 30 s"


def test_one_that_moved_meanwhile_gets_more_time() -> None:
    with running("import signal\nwhile True: signal.pause()\n") as child:
        settle(lambda: state(child) == "S")
        pulse = Pulse(child.pid)
        told = [pulse.missed() for _ in range(3)]
        child.send_signal(signal.SIGSTOP)  # another state is a movement too
        settle(lambda: state(child) == "T")
        told += [pulse.missed() for _ in range(4)]

    assert told == [None] * 6 + ["it gave no answer for 12 s"]


def test_an_answer_makes_up_for_every_beat_before() -> None:
    with running("import signal; signal.pause()") as child:
        settle(lambda: state(child) == "S")
        pulse = Pulse(child.pid)
        for _ in range(5):
            assert [pulse.missed() for _ in range(3)] == [None] * 3
            pulse.heard()


def test_an_announcer_that_has_nothing_to_say_is_asked_and_lives_on_and_one_that_stops_is_started_again() -> None:
    ends: list[str] = []
    events: list[Event] = []
    process = AnnouncerProcess(on_event=events.append, on_end=ends.append, beat=0.5)
    process.start()
    try:
        settle(lambda: process.pid is not None)
        first = process.pid
        assert process.counters(5) is not None
        threading.Event().wait(2.5)  # five beats
        assert (process.pid, ends) == (first, [])

        assert first is not None
        for _ in range(2):
            pid = process.pid
            assert pid is not None
            assert process.counters(5) is not None
            subprocess.run(["kill", "-STOP", str(pid)], check=True)
            settle(lambda pid=pid: process.pid not in {None, pid}, 20)  # type: ignore[misc]
            assert not Path(f"/proc/{pid}").exists()
    finally:
        process.stop()

    assert len(ends) == 2
    for each in ends:  # one beat more where it was stopped while it answered
        assert re.fullmatch(r"the announcer ended \(it gave no answer for (1\.5|2) s\); it is started again", each)
