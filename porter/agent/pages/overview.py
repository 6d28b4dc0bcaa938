"""The page for people: what is well, who has which address since when, who waits and why, what happened last.

Rendered here from the status, whole, at every request; the browser replaces its main part as often as that changes.
It loads nothing from anywhere, and shows at most `MOST` rows of a table. Every word that comes from outside is escaped.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import resources
from typing import Any, Final

from porter.agent.recent import Change

MOST: Final = 500
"""Rows of a table; the JSON has all."""
CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STYLE, SCRIPT = "overview.css", "overview.js"
Status = Mapping[str, Any]


def asset(name: str) -> bytes:
    """Return a file that the page names, `STYLE` or `SCRIPT`."""
    return resources.files(__package__).joinpath(name).read_bytes()


def page(status: Status) -> str:
    """Return the whole page."""
    title = escape(f"Porter on {status['node']}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{STYLE}"><script src="{SCRIPT}" defer></script>'
        f'</head>\n<body><main id="main">{main_part(status)}</main>\n'
        '<footer><span id="live" role="status">as of the last reload</span> · '
        '<a href="status">JSON</a> · <a href="metrics">metrics</a> · <a href="readyz">readiness</a></footer>'
        "</body></html>\n"
    )


def main_part(status: Status) -> str:
    """Return what changes of it."""
    return "".join(_main_part(status))


def _main_part(status: Status) -> Iterator[str]:
    state = "ready" if status["ready"] else "not ready"
    leader = "leads" if status["leading"] else f"leader: {status['leader'] or 'none'}"
    yield f"<h1>{escape(str(status['node']))} <span class='{state.replace(' ', '-')}'>{state}</span></h1>"
    yield f"<p>Porter {escape(str(status['version']))} · {escape(leader)} · entry {status['log']['last_seq']:,}</p>"
    if status["problems"]:
        yield "<h2>What is not well</h2><ul class='bad'>"
        yield from (f"<li>{escape(problem)}</li>" for problem in status["problems"])
        yield "</ul>"
    assignments = status["assignments"]
    waiting = [one for one in assignments if one["address"] is None]
    silent = [one for one in assignments if one["address"] is not None and not one["nodes"]]
    served = [one for one in assignments if one["address"] is not None and one["nodes"]]
    yield from _table("Services that wait for an address", ("Service", "why", "since"), _waiting, waiting, "bad")
    yield from _table("Addresses that nobody announces", ("address", "Service", "why", "since"), _silent, silent, "bad")
    yield from _table("Addresses", ("address", "Service", "node", "Eip", "since"), _served, served)
    holders = Counter(one["eip"] for one in assignments if one["address"] is not None)
    eips = [(pool, holders[pool["eip"]]) for pool in status["eips"]]
    yield from _table("Eips", ("Eip", "state", "in use"), _eip, eips)
    yield from _table("What happened last", ("when", "entry", ""), _change, status["changes"])
    if not (assignments or status["eips"]):
        yield "<p>No Service asks for an address, and there is no Eip.</p>"


def _table(
    title: str, heads: Sequence[str], row: Callable[[Any], str], found: Sequence[Any], kind: str = ""
) -> Iterator[str]:
    if not found:
        return
    yield f"<section class='{kind}'><h2>{title} <small>{len(found):,}</small></h2><div class='wide'><table><thead><tr>"
    yield from (f"<th scope='col'>{head}</th>" for head in heads)
    yield "</tr></thead><tbody>"
    yield from (row(one) for one in found[:MOST])
    yield "</tbody></table></div>"
    if len(found) > MOST:
        yield f"<p>and {len(found) - MOST:,} more: all are in <a href='status'>status</a></p>"
    yield "</section>"


def _row(*cells: str, kind: str = "") -> str:
    tag = f"<tr class='{kind}'>" if kind else "<tr>"
    return f"{tag}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _waiting(one: Mapping[str, Any]) -> str:
    return _row(escape(one["service"]), escape(one["reason"]), _moment(one["since"]))


def _silent(one: Mapping[str, Any]) -> str:
    return _row(escape(one["address"]), escape(one["service"]), escape(one["reason"]), _moment(one["since"]))


def _served(one: Mapping[str, Any]) -> str:
    nodes, reason = escape(", ".join(one["nodes"])), escape(one["reason"], quote=True)
    failure = f": {escape(one['failure'])}" if one["failure"] else ""
    return _row(
        escape(one["address"]),
        escape(one["service"]),
        f"<span title='{reason}'>{nodes}</span>{failure}",
        escape(one["eip"] or ""),
        _moment(one["since"]),
        kind="bad" if failure else "",
    )


def _eip(one: tuple[Mapping[str, Any], int]) -> str:
    pool, used = one
    state = "ready" if pool["ready"] else f"not ready: {pool['sentence']}"
    return _row(escape(pool["eip"]), escape(state), f"{used:,}", kind="" if pool["ready"] else "bad")


def _change(change: Change) -> str:
    return _row(_moment(change.at), f"{change.seq}", escape(change.text), kind="bad" if change.bad else "")


def _moment(at: datetime | None) -> str:
    if at is None:
        return "<span title='longer ago than this agent has looked'>long ago</span>"
    return f"<time datetime='{at.isoformat()}'>{at:%Y-%m-%d %H:%M:%S}</time>"
