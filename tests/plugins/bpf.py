"""A tiny interpreter of classic BPF: enough to run the announcer's filter as the kernel would, and to count its steps."""

import struct

from porter.plugins.layer2.announcer.bpf import Program

_PACKET_TYPE, _VLAN_TAG, _VLAN_PRESENT = 0xFFFFF004, 0xFFFFF02C, 0xFFFFF030
_LOADS = {0x20: ("!I", 4), 0x28: ("!H", 2), 0x30: ("!B", 1)}
_JUMPS = {0x15: int.__eq__, 0x25: int.__gt__, 0x35: int.__ge__}


def run(program: Program, frame: bytes, packet_type: int = 0, tag: int | None = None) -> tuple[int, int]:
    """Return what the program returns for the frame, and how many instructions it took.

    `tag`: that of a VLAN, where the kernel has it beside the frame.
    """
    beside = {_PACKET_TYPE: packet_type, _VLAN_TAG: tag or 0, _VLAN_PRESENT: int(tag is not None)}
    at = accumulator = steps = 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        steps += 1
        if code in _LOADS:
            form, size = _LOADS[code]
            if k in beside:
                accumulator = beside[k]
            elif k + size > len(frame):
                return 0, steps  # the kernel ends a program that loads past the end
            else:
                accumulator = struct.unpack_from(form, frame, k)[0]
        elif code in _JUMPS:
            at += yes if _JUMPS[code](accumulator, k) else no
        elif code == 0x05:
            at += k
        elif code == 0x54:
            accumulator &= k
        else:
            assert code == 0x06, f"an instruction that the filter should not use: {code:#x}"
            return k, steps


def check(program: Program) -> None:
    """Assert what the kernel checks before it takes a program (net/core/filter.c, bpf_check_classic)."""
    assert 0 < len(program) <= 4096
    for at, (code, yes, no, k) in enumerate(program):
        assert 0 <= yes <= 255
        assert 0 <= no <= 255
        assert 0 <= k <= 0xFFFFFFFF
        if code in _JUMPS:
            assert at + 1 + max(yes, no) < len(program)
        if code == 0x05:
            assert at + 1 + k < len(program)
    assert program[-1].code == 0x06
