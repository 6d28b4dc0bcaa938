"""Walk a case in a lab of its own: make the lab, take the steps, say at the end what held, take the lab down."""

import time
from collections.abc import Callable

from porter.lab import topology
from porter.lab.errors import LabError
from porter.lab.lab import Lab
from porter.lab.standing import undisturbed
from porter.lab.topology import Topology
from porter.lab.tutorial import guide, orion
from porter.lab.tutorial.page import Page, StepFailedError

LEASE = 3.0  # seconds until a silent agent counts as gone; the lab is short of time, a real cluster takes longer

_CASES: dict[str, tuple[Callable[[Lab, Page], None], Callable[[], Topology]]] = {
    "guide": (guide.walk, topology.guide),
    "orion": (orion.walk, lambda: topology.load("orion")),
}


def run(name: str, *, case: str, keep: bool, echo: Callable[[str], None]) -> bool:
    """Walk a case and print it. Returns whether every step held. The lab goes, unless `keep`."""
    page = Page(echo)
    steps, network = _CASES[case]
    begin = time.monotonic()
    page.step(f"A lab of its own: {name}")
    lab = Lab.up(name, network=network(), lease_duration=LEASE, strict_arp=False, say=page.say)
    try:
        page.holds(f"up after {time.monotonic() - begin:.1f} s")
        held = _steps(steps, lab, page)
    except BaseException:
        with undisturbed():
            lab.down()
        raise
    page.step("The end")
    if keep:
        page.say(f"The lab stays: export KUBECONFIG={lab.kubeconfig}")
        page.say(f"porter lab down --name {name} takes it down.")
    else:
        lab.down()
        page.say("The lab was taken down.")
    took = f"{time.monotonic() - begin:.0f} s"
    page.say(f"Every step held, after {took}." if held else f"NOT every step held; ended after {took}.")
    return held


def _steps(steps: Callable[[Lab, Page], None], lab: Lab, page: Page) -> bool:
    try:
        steps(lab, page)
    except StepFailedError as failure:
        page.fails(failure)
    except LabError as error:
        page.fails(StepFailedError("the command to succeed", error.message))
    else:
        return True
    return False
