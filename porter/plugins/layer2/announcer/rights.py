"""What the announcer process may do: hold raw sockets, and nothing else. And that it ends with its parent.

Best effort in a container that forbids even giving up rights; never grants itself anything.
"""

import ctypes
import signal
import struct

_CAP_NET_RAW = 13  # linux/capability.h
_RAW = 1 << _CAP_NET_RAW
_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 15, 24, 38  # linux/prctl.h
_MOST_CAPABILITIES = 64

_libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def call_it(name: str) -> None:
    """Set the name that `ps` and `top` show, at most 15 bytes."""
    _libc.prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()), 0, 0, 0)


def keep_only_raw_sockets() -> None:
    """Drop every capability but CAP_NET_RAW, from the bounding set too, and bar gaining any by exec."""
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(_MOST_CAPABILITIES):
        if capability != _CAP_NET_RAW:
            _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    held = _held()
    if held is not None:
        _, permitted, *_ = held
        kept = permitted & _RAW  # what is not permitted cannot be asked for
        _hold(kept, kept, 0, 0, 0, 0)


def take_up_raw_sockets() -> bool:
    """Put CAP_NET_RAW into effect for this thread if it is permitted, and tell whether it is. It drops nothing."""
    held = _held()
    if held is None:
        return False
    effective, permitted, *rest = held
    return bool(permitted & _RAW) and _hold(effective | _RAW, permitted, *rest)


def _held() -> tuple[int, ...] | None:
    """Return effective, permitted and inheritable capabilities: the lower 32 of each, then the higher of each."""
    words = ctypes.create_string_buffer(24)
    return None if _libc.capget(_header(), words) else struct.unpack("=6I", words.raw)


def _hold(*words: int) -> bool:
    refused: int = _libc.capset(_header(), struct.pack("=6I", *words))
    return refused == 0


def _header() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0), 8)
