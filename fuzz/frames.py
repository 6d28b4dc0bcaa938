"""Feed any bytes to what reads frames, led by coverage. For a bounded run by hand; tests do so with hypothesis.

    pip install atheris
    python fuzz/frames.py -max_total_time=60

Finds: bytes that neither parse nor are refused, a frame that packs to other bytes than it was read from, a responder
that raises, answers what it should not, or does not count. Any option of libFuzzer may follow.
"""

import contextlib
import sys
from pathlib import Path

import atheris

sys.path.append(str(Path(__file__).parents[1] / "porter/plugins/layer2"))  # as the announcer runs: without the rest
with atheris.instrument_imports():
    from announcer import arp, ndp
    from announcer.families import FAMILIES
    from announcer.family import Table

MAC = bytes.fromhex("020000000101")
CLIENT = bytes.fromhex("020000000202")
OWNED = {"IPv4": ("192.168.0.91", "192.168.0.92"), "IPv6": ("fd00::91", "fd00::92")}


def one_input(data: bytes) -> None:
    """Read the bytes in every way, and check what must hold whatever they are."""
    with contextlib.suppress(arp.MalformedFrameError):
        assert arp.parse(data).pack() == data[: arp.LENGTH]
    with contextlib.suppress(ndp.MalformedPacketError):
        ndp.parse(data)
    for family in FAMILIES:
        held, probed = (family.pack(text) for text in OWNED[family.name])
        assert held is not None
        assert probed is not None
        responder = family.responder()
        responder.replace(Table(MAC, frozenset((held,)), frozenset((probed,))))
        for frame in (data, _damaged(_good(family.name, held), data)):
            counted = responder.answered + responder.dropped.total()
            answer = responder.hear(frame)
            assert responder.answered + responder.dropped.total() == counted + 1
            if answer is not None:
                assert held in frame
                assert answer[6:12] == MAC
                assert held in answer
        news = responder.take()
        assert set(news.rivals) <= {probed}
        assert set(news.disputed) <= {held}


def _good(family: str, held: bytes) -> bytes:
    if family == "IPv4":
        return arp.question(held, mac=CLIENT, sender=b"\xc0\xa8\x00\x32").pack()
    return ndp.question(held, mac=CLIENT, sender=b"\xfd" + bytes(14) + b"\x50").pack()


def _damaged(good: bytes, damage: bytes) -> bytes:
    """Return a good frame, where the damage is zero, and another elsewhere; longer where that is longer."""
    size = max(len(good), len(damage))
    return bytes(one ^ other for one, other in zip(good.ljust(size, b"\0"), damage.ljust(size, b"\0"), strict=True))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
