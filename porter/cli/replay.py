"""`porter replay`: fold a recorded log again and tell who had which address when, and why."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from porter.cli.options import format_option, stream_option
from porter.cli.replaying import modes
from porter.cli.replaying.modes import Asked
from porter.errors import PorterError
from porter.model.places import EVENT_LOG
from porter.reconciler.world import World
from porter.replay.story import About


@click.command()
@click.argument("logs", nargs=-1, metavar="[LOG]...")
@click.option("--until", "--at", "until", metavar="MOMENT", help="Stop at an entry's number, a time, or -15m ago.")
@click.option("--service", metavar="NS/NAME", help="Only this Service.")
@click.option("--node", metavar="NODE", help="Only what this node has or had.")
@click.option("--eip", metavar="NAME", help="Only addresses of this Eip.")
@click.option("--follow", is_flag=True, help="Go on with what an agent adds, until Ctrl-C.")
@click.option("--verify", is_flag=True, help="Compare with the decisions recorded; exit 1 where this version differs.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes of --verify; more than one by itself if it is long."
)
@click.option("--what-if", "what_if", metavar="FILE", help="Suppose the edits in FILE, and tell what would differ.")
@click.option("--diff", metavar="A..B", help="Tell what changed from one moment to another.")
@click.option("--merge", is_flag=True, help="Put the logs of several nodes on one timeline.")
@stream_option()
@format_option("html")
def replay(
    *,
    logs: Sequence[str],
    until: str | None,
    service: str | None,
    node: str | None,
    eip: str | None,
    follow: bool,
    verify: bool,
    jobs: int | None,
    what_if: str | None,
    diff: str | None,
    merge: bool,
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
      porter replay --diff -15m.. node1.jsonl        what changed in the last 15 minutes
      porter replay --what-if edits.jsonl            what would differ, had something else been observed
      porter replay --merge node1.jsonl node2.jsonl  who announced what, and when two did, or none
      porter replay --format html > story.html       a timeline to look at, in one file

    What a FILE of edits may say, and what --format json prints, is in docs/replay.md.
    """  # noqa: D301 - the backslash is click's mark for text to leave as it is
    if service is not None and (service.count("/") != 1 or not all(service.split("/"))):
        raise click.BadParameter(f"{service!r} is not NAMESPACE/NAME", param_hint="--service")
    ways = {"--verify": verify, "--what-if": what_if, "--diff": diff, "--merge": merge, "--follow": follow}
    mode = _only_one({**ways, "--format html": output_format == "html" and not merge})
    if mode in {"--diff", "--merge", "--follow"} and until is not None:
        raise click.UsageError(f"--until does not go with {mode}")
    if merge and (service is not None or eip is not None):
        raise click.UsageError("--merge tells of addresses: it goes with --node, not with --service or --eip")
    if jobs is not None and not verify:
        raise click.UsageError("--jobs goes with --verify")
    paths = list(logs) or [os.environ.get("PORTER_EVENT_LOG") or EVENT_LOG]
    if len(paths) > 1 and not merge:
        raise click.UsageError("several logs at once are replayed with --merge only")
    asked = Asked(
        log=paths[0],
        stream=stream,
        until=until,
        about=About(service=service, node=node, eip=eip),
        as_json=output_format == "json",
        as_page=output_format == "html",
        now=datetime.now(UTC),
    )
    check = partial(_check_known, about=asked.about)
    if merge or diff is not None or what_if is not None:
        from porter.cli.replaying import comparing  # noqa: PLC0415 - a story shall start fast

        if merge:
            return comparing.merge(asked, paths)
        return comparing.diff(asked, diff) if diff is not None else comparing.what_if(asked, Path(what_if or ""))
    if verify:
        return modes.verify(asked, check, jobs)
    if follow:
        return modes.follow(asked)
    return modes.page(asked) if output_format == "html" else modes.story(asked, check)


def _only_one(modes_given: dict[str, object]) -> str | None:
    given = [name for name, value in modes_given.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} do not go together")
    return given[0] if given else None


def _check_known(world: World, *, about: About) -> None:
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
            from difflib import get_close_matches  # noqa: PLC0415 - a story shall start fast

            close = sorted(get_close_matches(name, names, n=3)) or names[:3]
            hint = f"; it knows {', '.join(close)}" if close else ""
            raise PorterError(f"the log knows no {kind} {name}{hint}")
