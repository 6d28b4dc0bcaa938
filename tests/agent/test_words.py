"""What a node says on its Services, by what its plugins report and what it is to announce."""

from porter.agent.words import Words
from porter.events.entries import Announced, AnnouncementFailed, Applied, Withdrawn
from porter.model.names import NodeName, ServiceKey

WEB, API = ServiceKey("default/web"), ServiceKey("default/api")
FOUR, SIX = "192.168.0.91", "fd00::91"
MAC = "02:00:00:00:01:01"
ANSWERS, CANNOT = f"node1 answers for {FOUR} on eth0 with {MAC}", f"node1 cannot announce {FOUR}: NIC eth0 is down"


class Mouth:
    def __init__(self) -> None:
        self.said: list[tuple[str, bool | None, str]] = []

    def announced(self, key: ServiceKey, *, answers: bool, message: str) -> None:
        self.said.append((key, answers, message))

    def says_nothing(self, key: ServiceKey) -> None:
        self.said.append((key, None, ""))


def announced(address: str = FOUR) -> Applied:
    return Announced(address=address, protocol="layer2", nic="eth0", mac=MAC, services=(WEB,))


def withdrawn(address: str = FOUR) -> Applied:
    return Withdrawn(address=address, protocol="layer2", nic="eth0")


def failed(address: str = FOUR) -> Applied:
    return AnnouncementFailed(address=address, protocol="layer2", error="NIC eth0 is down")


def words(*addresses: str, services: tuple[ServiceKey, ...] = (WEB,)) -> tuple[Words, Mouth]:
    mouth = Mouth()
    made = Words(NodeName("node1"), mouth)
    made.want(dict.fromkeys(addresses, services))
    return made, mouth


def test_what_becomes_of_an_address_is_said_once_on_every_service_that_has_it() -> None:
    said, mouth = words(FOUR, services=(API, WEB))

    for entry in (failed(), failed(), announced(), announced()):
        said.applied(entry)

    assert mouth.said == [
        (API, False, CANNOT),
        (WEB, False, CANNOT),
        (API, True, ANSWERS),
        (WEB, True, ANSWERS),
    ]


def test_of_two_addresses_the_one_that_cannot_be_announced_decides() -> None:
    said, mouth = words(FOUR, SIX)

    said.applied(failed())
    said.applied(announced(SIX))
    said.applied(announced())

    six = f"answers for {SIX} on eth0 with {MAC}"
    assert mouth.said == [
        (WEB, False, CANNOT),
        (WEB, False, f"{CANNOT}; {six}"),
        (WEB, True, f"{ANSWERS}; {six}"),
    ]


def test_nothing_is_said_of_an_address_that_is_another_nodes_now() -> None:
    said, mouth = words(FOUR)
    said.applied(failed())

    said.want({})
    said.applied(failed())
    said.applied(announced())
    said.applied(withdrawn())

    assert mouth.said == [(WEB, False, CANNOT), (WEB, None, "")]


def test_a_failure_is_forgotten_when_the_address_goes_and_said_when_it_fails_again() -> None:
    said, mouth = words(FOUR)
    said.applied(failed())
    said.want({})

    said.want({FOUR: (WEB,)})
    assert mouth.said[2:] == []
    said.applied(failed())

    assert mouth.said[2:] == [(WEB, False, CANNOT)]


def test_an_address_that_was_never_given_up_is_said_again_when_it_is_wanted_again() -> None:
    said, mouth = words(FOUR)
    said.applied(announced())
    said.want({})

    said.want({FOUR: (WEB,)})

    assert mouth.said == [(WEB, True, ANSWERS), (WEB, None, ""), (WEB, True, ANSWERS)]


def test_a_service_that_comes_to_share_an_address_is_told_what_became_of_it() -> None:
    said, mouth = words(FOUR)
    said.applied(failed())

    said.want({FOUR: (API, WEB)})

    assert mouth.said == [(WEB, False, CANNOT), (API, False, CANNOT)]
