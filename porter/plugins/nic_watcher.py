"""Tells when this node's NICs, addresses, routes or routing rules changed, by the kernel's events; never polls."""

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable

_RTMGRP_LINK, _RTMGRP_IPV4_IFADDR, _RTMGRP_IPV4_ROUTE, _RTMGRP_IPV4_RULE = 0x1, 0x10, 0x40, 0x80  # linux/rtnetlink.h
_RTMGRP_IPV6_IFADDR, _RTMGRP_IPV6_ROUTE, _RTMGRP_IPV6_RULE = 0x100, 0x400, 1 << 18  # the last: RTNLGRP_IPV6_RULE
_IPV4 = _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV4_ROUTE | _RTMGRP_IPV4_RULE
_IPV6 = _RTMGRP_IPV6_IFADDR | _RTMGRP_IPV6_ROUTE | _RTMGRP_IPV6_RULE
_TOGETHER = 0.05  # seconds: what comes within them after a first change is one change
_CHUNK = 65536
_RETRY = 1.0
_LOG = logging.getLogger(__name__)


class NicWatcher:
    """Calls `on_change`, from a thread of its own, soon after something changed.

    Events that come together are one call. Lost events are a call too: whoever is called reads everything anew.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._events.setblocking(False)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="nic watcher", daemon=True)

    def start(self) -> None:
        """Follow the NICs of the calling thread's network namespace from now on. Returns at once."""
        self._events.bind((0, _RTMGRP_LINK | _IPV4 | _IPV6))
        self._thread.start()

    def look_again(self) -> None:
        """Have `on_change` called soon, as if something had changed. From any thread; after `stop` nothing happens."""
        with self._guard:
            if self._wake_write >= 0:
                try:
                    os.write(self._wake_write, b"!")
                except BlockingIOError:
                    return  # it was told thousands of times already, and looks soon

    def stop(self) -> None:
        """End; `on_change` is not called after this returns. Safe to call twice."""
        with self._guard:
            if self._wake_write < 0:
                return
            os.close(self._wake_write)
            self._wake_write = -1
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()
        os.close(self._wake_read)
        self._events.close()

    def _follow(self) -> None:
        patience: float | None = None
        while self._waits(patience):
            until = time.monotonic() + _TOGETHER
            while (left := until - time.monotonic()) > 0:
                if not self._waits(left):
                    return
            patience = None if self._tell() else _RETRY

    def _tell(self) -> bool:
        try:
            self._on_change()
        except Exception:  # noqa: BLE001 - whatever went wrong, to follow the NICs no more would be worse
            _LOG.exception("a change of the NICs could not be handled; it is tried again")
            return False
        return True

    def _waits(self, timeout: float | None) -> bool:
        """Wait for events, or for the timeout, and take them. Returns False when it is time to end."""
        readable, _, _ = select.select([self._events.fileno(), self._wake_read], [], [], timeout)
        self._drain()
        return self._wake_read not in readable or os.read(self._wake_read, _CHUNK) != b""

    def _drain(self) -> None:
        while True:
            try:
                self._events.recv(_CHUNK)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: events were lost; a change all the same
