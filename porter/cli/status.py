"""`porter status`: what an agent has and does now, asked over its HTTP pages."""

import json
import textwrap
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from http.client import HTTPException
from typing import Any, Final

import click

from porter.cli.options import format_option, http_option
from porter.errors import PorterError

_WIDTH: Final = 80
_CHANGES: Final = 8
_TIMEOUT = 5.0
_LOOK = 1.0  # seconds between two looks at whether it has changed
_KEYS: Final = {"node", "ready", "leading", "leader", "version", "log", "problems", "assignments", "eips", "changes"}
Status = Mapping[str, Any]


@click.command()
@http_option("Where the agent serves its pages.")
@click.option("--watch", is_flag=True, help="Follow it, also when the agent is started anew, until Ctrl-C.")
@format_option()
def status(*, http: str, watch: bool, output_format: str) -> None:
    """Show what an agent has and does now: what is not well, who waits and why, which node has which address.

    It asks the agent of this machine, and changes nothing. On a node:

    \b
      kubectl -n porter-system exec NAME-OF-A-POD -- porter status

    Exit code 1 when the agent does not answer.
    """  # noqa: D301 - click's mark for text to leave as it is
    if not watch:
        _print(ask(http), output_format)
        return
    now = ask(http)
    _show(now, output_format)
    shown: Status | None = now
    while True:
        time.sleep(_LOOK)
        try:
            now = ask(http)
        except PorterError as error:  # it may be started again
            if shown is not None:
                click.echo(f"porter: {error}; what is above is old", err=True)
            shown = None
            continue
        if now != shown:
            _show(now, output_format)
            shown = now


def ask(http: str) -> Status:
    """Return the status of an agent. Raises PorterError when it does not answer."""
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    where = f"127.0.0.1{http}" if http.startswith(":") else http  # as `porter run` reads it
    try:
        with directly.open(f"http://{where}/status", timeout=_TIMEOUT) as answer:
            found = json.load(answer)
    except (OSError, ValueError, OverflowError, HTTPException) as error:
        said = error.reason if isinstance(error, urllib.error.URLError) else str(error).strip()
        raise _nobody(http, said) from None
    if not (isinstance(found, dict) and found.keys() >= _KEYS):
        raise _nobody(http, "another program does, or another version of Porter")
    return found


def _nobody(http: str, said: object) -> PorterError:
    return PorterError(f"no agent answers on {http}: {said}; --http says where its pages are")


def _show(found: Status, output_format: str) -> None:
    if output_format == "text":
        click.clear()
    _print(found, output_format)


def _print(found: Status, output_format: str) -> None:
    if output_format == "json":
        click.echo(json.dumps(found))
        return
    for line in lines(found):
        click.echo(line)


def lines(found: Status) -> Iterator[str]:
    """Yield the status for people, at most 80 columns wide."""
    state = click.style("ready", fg="green") if found["ready"] else click.style("not ready", fg="red")
    role = "leads" if found["leading"] else f"leader: {found['leader'] or 'none'}"
    yield f"{found['node']}: {state}, {role}, Porter {found['version']}, entry {found['log']['last_seq']}"
    for problem in found["problems"]:
        yield from _wrapped("  ! ", problem, fg="red")
    given = [one for one in found["assignments"] if one["address"] is not None]
    waiting = [one for one in found["assignments"] if one["address"] is None]
    if waiting:
        yield from ("", f"{len(waiting)} waiting for an address:")
        for one in waiting:
            yield from _wrapped("  ", f"{one['service']}: {one['reason']}{_since(one)}", fg="red")
    if given:
        yield ""
        wide = max(len(one["address"]) for one in given)
        name = max(len(one["service"]) for one in given)
        for one in given:
            nodes = ", ".join(one["nodes"])
            head = f"  {one['address']:<{wide}}  {one['service']:<{name}}  "
            text = nodes + _since(one) if nodes else f"nobody: {one['reason']}{_since(one)}"
            failure = one.get("failure")
            text += f": {failure}" if failure else ""
            yield from _wrapped(head, text, fg=None if nodes and not failure else "red")
    used = Counter(one["eip"] for one in given)
    if found["eips"]:
        yield ""
        for pool in found["eips"]:
            how = "ready" if pool["ready"] else f"not ready: {pool.get('sentence', '')}"
            text = f"Eip {pool['eip']}: {used[pool['eip']]} in use, {how}"
            yield from _wrapped("  ", text, fg=None if pool["ready"] else "red")
    if found["changes"]:
        yield from ("", "What happened last:")
        for change in reversed(found["changes"][:_CHANGES]):
            at = datetime.fromisoformat(change["at"]).astimezone()
            yield from _wrapped(f"  {at:%H:%M:%S}  ", change["text"], fg="red" if change["bad"] else None)


def _since(one: Mapping[str, Any]) -> str:
    if one["since"] is None:
        return ""
    return f", since {datetime.fromisoformat(one['since']).astimezone():%Y-%m-%d %H:%M:%S}"


def _wrapped(head: str, text: str, *, fg: str | None = None) -> list[str]:
    indent = " " * min(len(head), _WIDTH // 2)
    found = textwrap.wrap(
        text, _WIDTH, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [click.style(line, fg=fg) if fg else line for line in found]
