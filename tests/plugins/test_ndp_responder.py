"""What becomes of each frame that the answering thread hears of IPv6: answered, or dropped for one reason."""

import pytest

from porter.plugins.layer2.announcer import ndp
from porter.plugins.layer2.announcer.family import News, Table
from porter.plugins.layer2.announcer.ndp import Option
from porter.plugins.layer2.announcer.ndp_responder import NdpResponder
from tests.plugins.test_ndp_packets import (
    ADDRESS,
    ASKER,
    CAPTURED_ANNOUNCEMENT,
    CAPTURED_ANSWER,
    CAPTURED_PROBE_OF_ANOTHER,
    CAPTURED_QUESTION,
    CLIENT,
    NODE,
    changed,
    ipv6,
)

OTHER, PROBED, FOREIGN = ipv6("2001:db8::92"), ipv6("2001:db8::99"), ipv6("2001:db8::7")
STRANGER, NOBODY, GROUP = (bytes.fromhex(each) for each in ("020000000303", "000000000000", "010000000303"))
TABLE = Table(NODE, frozenset([ADDRESS, OTHER]), frozenset([PROBED]))
NOTHING = News({}, {})


def responder() -> NdpResponder:
    made = NdpResponder()
    made.replace(TABLE)
    return made


def question(target: bytes = ADDRESS, *, mac: bytes = CLIENT, sender: bytes = ASKER) -> ndp.Solicitation:
    return ndp.question(target, mac=mac, sender=sender)


ANSWERED = {
    "the kernel's question": (CAPTURED_QUESTION, CAPTURED_ANSWER),
    "the kernel's probe": (CAPTURED_PROBE_OF_ANOTHER, CAPTURED_ANNOUNCEMENT),
    "a question without a MAC": (question()._replace(options=()).pack(), CAPTURED_ANSWER),
    "a question with more options": (
        question()._replace(options=(Option(14, bytes(6)), Option(1, CLIENT))).pack(),
        CAPTURED_ANSWER,
    ),
    "is the neighbour still there": (question()._replace(destination=NODE, receiver=ADDRESS).pack(), CAPTURED_ANSWER),
    "padded": (CAPTURED_QUESTION + bytes(10), CAPTURED_ANSWER),
    "of a traffic class": (changed(CAPTURED_QUESTION, 14, 0x6E), CAPTURED_ANSWER),
}


@pytest.mark.parametrize(("frame", "answer"), ANSWERED.values(), ids=ANSWERED)
def test_it_is_answered(frame: bytes, answer: bytes) -> None:
    made = responder()

    assert made.hear(frame) == answer
    assert (made.answered, dict(made.dropped), made.has_news) == (1, {}, False)


DROPPED = {
    "for another address": (question(FOREIGN).pack(), "not-ours", NOTHING),
    "for a probed address": (question(PROBED).pack(), "not-ours", NOTHING),
    "damaged": (CAPTURED_QUESTION[:-1] + b"\x00", "malformed", NOTHING),
    "from beyond a router": (changed(CAPTURED_QUESTION, 21, 254), "malformed", NOTHING),
    "short": (CAPTURED_QUESTION[:60], "malformed", NOTHING),
    "oversized": (CAPTURED_QUESTION + bytes(1500), "oversized", NOTHING),
    "from our own MAC": (question(mac=NODE).pack(), "own-mac", NOTHING),
    "from our own MAC, it says": (question()._replace(options=(Option(1, NODE),)).pack(), "own-mac", NOTHING),
    "in a frame of our own MAC": (question()._replace(source=NODE).pack(), "own-mac", NOTHING),
    "from a group's MAC": (question(mac=GROUP).pack(), "no-station", NOTHING),
    "from no MAC": (question(mac=NOBODY).pack(), "no-station", NOTHING),
    "our own announcement": (CAPTURED_ANNOUNCEMENT, "own-mac", NOTHING),
    "a foreign announcement": (ndp.unsolicited(FOREIGN, mac=STRANGER).pack(), "reply", NOTHING),
    "another announces a held address": (
        ndp.unsolicited(ADDRESS, mac=STRANGER).pack(),
        "claimed",
        News({}, {ADDRESS: [STRANGER]}),
    ),
    "another answers for a held address": (
        ndp.answer(question(mac=NODE, sender=FOREIGN), STRANGER).pack(),
        "claimed",
        News({}, {ADDRESS: [STRANGER]}),
    ),
    "another asks from a held address": (
        question(FOREIGN, mac=STRANGER, sender=ADDRESS).pack(),
        "claimed",
        News({}, {ADDRESS: [STRANGER]}),
    ),
    "another asks for a held address from one": (
        question(OTHER, mac=STRANGER, sender=ADDRESS).pack(),
        "claimed",
        News({}, {ADDRESS: [STRANGER]}),
    ),
    "another has a probed address": (
        ndp.unsolicited(PROBED, mac=STRANGER).pack(),
        "claimed",
        News({PROBED: STRANGER}, {}),
    ),
    "another probes for it too": (
        ndp.probe(PROBED, mac=STRANGER).pack(),
        "claimed",
        News({PROBED: STRANGER}, {}),
    ),
    "another asks from a probed address": (
        question(FOREIGN, mac=STRANGER, sender=PROBED).pack(),
        "claimed",
        News({PROBED: STRANGER}, {}),
    ),
    "our own probe comes back": (ndp.probe(PROBED, mac=NODE).pack(), "own-mac", NOTHING),
}


@pytest.mark.parametrize(("frame", "why", "news"), DROPPED.values(), ids=DROPPED)
def test_it_is_dropped(frame: bytes, why: str, news: News) -> None:
    made = responder()

    assert made.hear(frame) is None
    assert (made.answered, dict(made.dropped)) == (0, {why: 1})
    assert made.has_news == (news != NOTHING)
    assert made.take() == news
    assert not made.has_news


def test_what_is_no_longer_held_is_silent_and_claimed_by_nobody() -> None:
    made = responder()
    made.hear(ndp.unsolicited(ADDRESS, mac=STRANGER).pack())
    made.replace(Table(NODE, frozenset([OTHER]), frozenset()))

    assert made.hear(CAPTURED_QUESTION) is None
    assert made.take() == NOTHING


def test_answers_give_the_mac_of_the_table() -> None:
    made = responder()
    made.replace(TABLE._replace(mac=STRANGER))

    heard = made.hear(CAPTURED_QUESTION)

    assert heard is not None
    assert ndp.parse(heard).mac == STRANGER
    assert heard[6:12] == STRANGER


def test_who_asks_for_a_held_address_from_one_that_is_probed_has_that() -> None:
    made = responder()

    assert made.hear(question(mac=STRANGER, sender=PROBED).pack()) is None

    assert made.take() == News({PROBED: STRANGER}, {})
