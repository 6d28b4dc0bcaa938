"""The announcer as a child process: started, spoken to, and started again when it dies or hangs.

Knows nothing of what the messages mean, but for the last `Wanted`, which every new announcer is told first.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from porter.plugins.layer2.announcer import messages
from porter.plugins.layer2.announcer.messages import Ask, Counters, Event, Wanted
from porter.plugins.layer2.pulse import BEAT, Pulse

_LOG = logging.getLogger(__name__)
_BOOT: Final = "import sys; sys.path.append(sys.argv.pop()); from announcer.program import main; main()"
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 10.0
_STEADY = 5.0  # seconds after which an announcer that dies is started again at once
_SEND_LIMIT = 5.0
_STOP_LIMIT = 2.0
_CHUNK = 65536


class AnnouncerProcess:
    """One announcer at a time. Callbacks come from a thread of its own, never two at once."""

    def __init__(self, *, on_event: Callable[[Event], None], on_end: Callable[[str], None], beat: float = BEAT) -> None:
        """`beat`: after so many seconds of silence the announcer is asked whether it is there, see `pulse`."""
        self._on_event = on_event
        self._on_end = on_end
        self._beat = beat
        self._lock = threading.Lock()
        self._wanted: Wanted | None = None
        self._connection: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._counters: Counters | None = None
        self._counted = threading.Event()
        self._heard_at = 0.0
        """When the announcer, or the one before it, said something for the last time, or began."""
        # The child is bound to the thread that starts it (PR_SET_PDEATHSIG), so that thread lives as long as it does.
        self._thread = threading.Thread(target=self._supervise, name="layer2 announcer", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process id, None while none runs."""
        child = self._child
        return None if child is None else child.pid

    def start(self) -> None:
        """Start the first announcer. Returns at once."""
        self._thread.start()

    def tell(self, wanted: Wanted) -> None:
        """Give the announcer its whole set, now or as soon as there is one."""
        with self._lock:
            self._wanted = wanted
            self._send(wanted)

    def counters(self, timeout: float) -> Counters | None:
        """Ask the announcer for its counters; None when it does not answer in time."""
        self._counted.clear()
        with self._lock:
            self._send(Ask())
        return self._counters if self._counted.wait(timeout) else None

    def stop(self) -> None:
        """End the announcer and wait until it is gone. Safe to call twice."""
        self._stopping.set()
        self._hang_up()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_LIMIT)
        child = self._child
        if child is not None and child.poll() is None:
            child.kill()
            child.wait()

    def _supervise(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            began = self._heard_at = time.monotonic()
            try:
                ending = self._run_one()
            except OSError as error:
                ending = f"it could not be started: {error}"
            except Exception as error:  # noqa: BLE001 - whatever it was, to have no announcer would be worse
                _LOG.exception("what the announcer said could not be handled")
                ending = f"what it said could not be handled: {type(error).__name__}"
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE if self._heard_at - began > _STEADY else min(pause * 2, _LAST_PAUSE)
            _LOG.warning("the announcer ended: %s", ending, extra={"pause": pause})
            try:
                self._on_end(f"the announcer ended ({ending}); it is started again")
            except Exception:  # noqa: BLE001 - as above
                _LOG.exception("the end of the announcer could not be told")
            self._stopping.wait(pause)

    def _run_one(self) -> str:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(_SEND_LIMIT)
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, str(os.getpid()), str(Path(__file__).parent)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={},
            )
            theirs.close()
            self._child = child
            try:
                with self._lock:
                    self._connection = ours
                    if self._wanted is not None:
                        self._send(self._wanted)
                if self._stopping.is_set():
                    self._hang_up()
                hangs = self._read(ours, Pulse(child.pid, self._beat))
                if hangs is not None:
                    child.kill()
            finally:
                self._hang_up()
                code = self._reap(child)
                self._child = None
        return hangs or (f"exit code {code}" if code >= 0 else f"signal {-code}")

    def _read(self, connection: socket.socket, pulse: Pulse) -> str | None:
        """Take what the announcer says until it ends, or hangs. Returns None, or what is wrong with it."""
        received = bytearray()
        ear = select.poll()  # and no time limit of the socket: that is for sending
        ear.register(connection, select.POLLIN)
        while True:
            if not ear.poll(self._beat * 1000):
                hangs = pulse.missed()
                if hangs is not None:
                    return hangs
                with self._lock:
                    self._send(Ask())
                continue
            try:
                chunk = connection.recv(_CHUNK)
            except OSError:
                return None
            if not chunk:
                return None
            pulse.heard()
            self._heard_at = time.monotonic()
            received += chunk
            *lines, rest = received.split(b"\n")
            received = bytearray(rest)
            for line in lines:
                self._take(bytes(line))

    def _take(self, line: bytes) -> None:
        match messages.decode(line):
            case Event() as event:
                self._on_event(event)
            case Counters() as counters:
                self._counters = counters
                self._counted.set()
            case Wanted() | Ask():
                raise TypeError(f"the announcer spoke as an agent does: {line!r}")

    def _send(self, message: Wanted | Ask) -> None:
        if self._connection is None:
            return
        try:
            self._connection.sendall(messages.encode(message))
        except OSError:  # it died, or takes nothing for seconds: end it, and the next one gets the newest set
            self._shut_down(self._connection)

    def _hang_up(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            self._shut_down(connection)

    @staticmethod
    def _shut_down(connection: socket.socket) -> None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was faster

    @staticmethod
    def _reap(child: subprocess.Popen[bytes]) -> int:
        for _ in range(2):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(_STOP_LIMIT)
            child.kill()
        return -signal.SIGKILL  # the kernel does not let go of it yet, and it does nothing of its own any more
