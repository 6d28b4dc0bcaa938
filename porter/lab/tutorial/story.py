"""The end of a walk: every node's log tells the same story. Runs the ordinary commands, no shortcut into the log."""

import json
import subprocess
from typing import Any

from porter.lab.lab import Lab
from porter.lab.processes import porter
from porter.lab.tutorial.page import Page, StepFailedError, expect, until

_PATIENCE = 30


def command(*arguments: str) -> str:
    """Run `porter …` and return what it printed."""
    try:
        done = subprocess.run(porter(*arguments), capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise StepFailedError(f"'porter {arguments[0]}' to end", f"it still ran after {_PATIENCE} s") from None
    if done.returncode:
        raise StepFailedError(f"'porter {arguments[0]}' to succeed", done.stderr.strip() or done.stdout.strip()[-400:])
    return done.stdout


def replayed(lab: Lab, node: str, service: str) -> Any:
    """What `porter replay --format json` tells of a Service from a node's log."""
    return json.loads(command("replay", lab.event_log(node), "--service", service, "--format", "json"))


def owner_by_log(lab: Lab, node: str, service: str) -> str:
    """Who owns a Service's address at the end of a node's log."""
    told = replayed(lab, node, service)
    owners = [entry.get("node") or "nobody" for entry in told["assignments"] if entry["service"] == service]
    return ", ".join(owners) or "nobody"


def agree(lab: Lab, page: Page, service: str, *, owner: str) -> None:
    """Show that all logs name the same owner, and that replaying each gives the decisions recorded in it."""
    names = [node.name for node in lab.topology.nodes]

    def look() -> tuple[bool, dict[str, str]]:
        told = {name: owner_by_log(lab, name, service) for name in names}
        return set(told.values()) == {owner}, told

    until(f"the logs of {', '.join(names)} to name {owner}", look, within=15.0, every=0.5)
    page.holds(f"the logs of {', '.join(names)} agree: {owner} has the address")
    for name in names:
        command("replay", lab.event_log(name), "--verify")
    page.holds("replaying each log gives the decisions that are recorded in it")


def took_over(lab: Lab, page: Page, service: str, *, lost: str, survivor: str) -> None:
    """Show that the last change in the survivor's log is the one from the lost owner to it, and its cause."""
    told = replayed(lab, survivor, service)["timeline"]
    changes = [change for change in told if change["service"] == service]
    moves = [f"{change['from'] or 'nobody'} to {change['to'] or 'nobody'}" for change in changes]
    wanted = f"{lost} to {survivor}"
    expect(f"the last change in {survivor}'s log from {wanted}", moves[-1:] == [wanted], "; ".join(moves) or "nothing")
    cause = changes[-1]["cause"]
    page.holds(f"{survivor}'s log has the change from {wanted}; its cause is entry {cause['seq']}: {cause['text']}")


def tell(lab: Lab, page: Page, service: str, *, node: str) -> None:
    """Print the Service's story as a node's log has it."""
    page.say(f"As recorded on {node}:")
    log = lab.event_log(node)
    page.quote(f"porter replay $LOG --service {service}", command("replay", log, "--service", service))
    page.quote(
        f"porter explain service {service} --event-log $LOG",
        command("explain", "service", service, "--event-log", log),
    )
