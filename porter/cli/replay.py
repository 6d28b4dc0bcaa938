"""`porter replay`: fold a recorded log again and tell who had which address when, and why."""

from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial

import click

from porter.cli.options import DEFAULT_EVENT_LOG, format_option, stream_option
from porter.cli.replaying.telling import print_json, print_story, print_verdict
from porter.errors import PorterError
from porter.events.sources import open_source
from porter.reconciler.world import World
from porter.replay.lots import with_recorded_lots
from porter.replay.moments import parse_moment
from porter.replay.reading import installed_rules, records_until, shown_progress
from porter.replay.refold import Refold
from porter.replay.story import About
from porter.replay.telling import Teller


@click.command()
@click.argument("log", envvar="PORTER_EVENT_LOG", default=DEFAULT_EVENT_LOG, metavar="[LOG]")
@click.option("--until", "--at", "until", metavar="MOMENT", help="Stop at an entry's number, a time, or -15m ago.")
@click.option("--service", metavar="NS/NAME", help="Only this Service.")
@click.option("--node", metavar="NODE", help="Only what this node has or had.")
@click.option("--eip", metavar="NAME", help="Only addresses of this Eip.")
@click.option("--verify", is_flag=True, help="Compare with the decisions recorded; exit 1 where this version differs.")
@stream_option()
@format_option()
def replay(
    *,
    log: str,
    until: str | None,
    service: str | None,
    node: str | None,
    eip: str | None,
    verify: bool,
    stream: str,
    output_format: str,
) -> int:
    """Fold a recorded event log again, up to its end or any moment.

    LOG is a database URL, an SQLite file, or a file from 'porter log export'; without it the log of this node's agent.
    It is only read, and may be in use. The same fold that the agent runs is run over the entries that it observed, so
    what is printed is what this version of Porter decides from them.

    \b
      porter replay --service default/web            its story
      porter replay --at 2026-11-21T10:00            who had what at that time
      porter replay --verify node1.jsonl.gz          would this version decide the same?

    With --format json it prints one object: seq, at, assignments (service, address, eip, protocol, node, reason, …),
    timeline (seq, at, service, from, to, cause, reason, …) and differences.
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
    if service is not None and service.count("/") != 1:
        raise click.BadParameter(f"{service!r} is not NAMESPACE/NAME", param_hint="--service")
    moment = parse_moment(until, datetime.now(UTC)) if until is not None else None
    about = About(service=service, node=node, eip=eip)
    with (
        open_source(log, stream=stream) as source,
        shown_progress(records_until(source, moment), source.last_seq) as read,
    ):
        records, rules = with_recorded_lots(read, installed_rules())
        refold = Refold(rules)
        teller = Teller(refold, about, is_cut=moment is not None)
        check = partial(_check_known, refold.reconciler.world, about)
        if output_format == "json":
            differences = print_json(teller, refold, records, check=check)
        elif verify:
            differences = print_verdict(teller, refold, records)
        else:
            differences = 0
            print_story(teller, refold, records, check=check)
    return 1 if verify and differences else 0


def _check_known(world: World, about: About) -> None:
    """Refuse a filter that fits nothing because of a slip of the pen, rather than tell an empty story."""
    for kind, name, known in (
        ("Service", about.service, map(str, world.services)),
        ("Node", about.node, map(str, world.nodes)),
        ("Eip", about.eip, map(str, world.eips)),
    ):
        if name is None:
            continue
        names = sorted(known)
        if name not in names:
            close = sorted(get_close_matches(name, names, n=3)) or names[:3]
            hint = f"; it knows {', '.join(close)}" if close else ""
            raise PorterError(f"the log knows no {kind} {name}{hint}")
