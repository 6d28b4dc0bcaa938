"""A redacted log: no name of the original is left in it, and it tells the same story."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porter.events.codec import KINDS
from porter.events.entries import AgentStarted, Entry, NodeObserved, Observed, PluginInfo, Recorded
from porter.events.export import to_line
from porter.events.redaction.fields import FIELDS, Kind, replaced, texts_in
from porter.events.redaction.redactor import Redactor
from porter.model.names import NodeName
from porter.model.objects import LOAD_BALANCER_CLASS
from porter.replay.lots import with_recorded_lots
from porter.replay.refold import Refold
from porter.replay.story import Change, Story
from porter.replay.telling import tell
from tests.events.examples import BEGIN
from tests.events.golden import FULL
from tests.logs import recorded
from tests.reconciler.crowded import namespaces, publishing, worlds
from tests.worlds import RULES, Thing, folded, node, observed, relisted

SECRETS = ("zanzibar", "quokka", "marzipan")
"""Words that stand in every text of a log below, and that Porter never says."""
STAYS = {
    *("layer2", "bgp", "openelb", "porter-lb", LOAD_BALANCER_CLASS),
    *("it is gone", "409 Conflict", "the disk is full", "it is damaged"),
}
"""The texts of the golden entries that are nobody's secret."""


def with_secrets(entry: Entry) -> Entry:
    """Put a name that nobody else has into every field that may hold one."""
    count = iter(range(10_000))

    def secret(kind: Kind, text: str, _: msgspec.Struct) -> str:
        number = next(count)
        match kind:
            case Kind.SERVICE_KEY | Kind.SLICE_KEY:
                return f"zanzibar-{number}/quokka-{number}"
            case Kind.ADDRESS:
                return f"203.0.113.{number % 256}"
            case Kind.RANGE:
                return f"203.0.113.{number % 100}-203.0.113.{100 + number % 100}"
            case Kind.MAC:
                return f"de:ad:be:ef:00:{number % 256:02x}"
            case Kind.TEXT:
                return (
                    f"node zanzibar: no interface 'quokka{number}' at 203.0.113.7, fd12:3456::{number + 1:x}/64 or "
                    f"https://marzipan.example.org:6443/quokka, says de:ad:be:ef:00:07 of marzipan"
                )
            case Kind.PROTOCOL | Kind.PORTER:
                return text
            case _:
                return f"marzipan-{number}"

    return replaced(entry, secret)


@pytest.mark.parametrize("kind", [kind for kind, _ in FULL])
def test_no_original_name_occurs_anywhere(kind: str) -> None:
    record = Recorded(1, BEGIN, with_secrets(FULL[kind, KINDS[kind][1]]))
    redactor = Redactor.over([record])

    line = to_line(redactor.redact(record)).decode()

    assert not re.search("|".join([*SECRETS, r"203\.0\.113", "fd12:3456", "de:ad:be:ef", "example"]), line)


@pytest.mark.parametrize("kind", [kind for kind, _ in FULL])
def test_every_value_of_the_original_that_is_a_name_is_gone(kind: str) -> None:
    record = Recorded(1, BEGIN, FULL[kind, KINDS[kind][1]])
    redactor = Redactor.over([Recorded(1, BEGIN, entry) for entry in FULL.values()])

    redacted = redactor.redact(record).entry

    for (what, before), (_, after) in zip(texts_in(record.entry), texts_in(redacted), strict=True):
        stays = before in STAYS
        assert (before == after) is stays, (what, before)
    assert type(redacted) is type(record.entry)


def structs_in(hint: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for inner in get_args(hint):
        yield from structs_in(inner)


def text_fields(struct: type[msgspec.Struct]) -> set[str]:
    """Return the fields of a value that hold text, its own and not that of values inside it."""
    found = set()
    for name, hint in get_type_hints(struct).items():
        leaves = {hint}
        while any(get_args(leaf) and get_origin(leaf) is not None for leaf in leaves):
            leaves = {inner for leaf in leaves for inner in (get_args(leaf) or (leaf,)) if inner is not ...}
        texts = {leaf for leaf in leaves if isinstance(leaf, str) or leaf is str or _is_name(leaf)}
        if texts:
            found.add(name)
    return found


def _is_name(leaf: Any) -> bool:
    return getattr(leaf, "__supertype__", None) is str or (isinstance(leaf, type) and issubclass(leaf, str))


def test_every_field_that_holds_text_is_said_to_hold_something() -> None:
    waiting: list[type[msgspec.Struct]] = [struct for struct, _ in KINDS.values()]
    seen: dict[type[msgspec.Struct], set[str]] = {}
    while waiting:
        struct = waiting.pop()
        if struct not in seen:
            seen[struct] = text_fields(struct)
            waiting += [one for hint in get_type_hints(struct).values() for one in structs_in(hint)]

    assert {struct: names for struct, names in seen.items() if names} == {
        struct: set(fields) for struct, fields in FIELDS.items()
    }


STARTED = AgentStarted(
    node=NodeName("node1"),
    porter="1.0.0",
    schema="1",
    plugins=tuple(PluginInfo(name=name, version="1", distribution="acme") for name in sorted(RULES.protocols)),
)


@st.composite
def lives(draw: st.DrawFn) -> list[Observed]:
    """Draw what happens in a crowded cluster: all comes, the leader publishes, nodes are lost and found, all goes on."""
    things: list[Thing] = [*draw(worlds()), *draw(st.lists(namespaces, max_size=2))]
    begin: list[Observed] = [STARTED, *map(observed, things), *relisted()]
    shown = publishing(folded(*things))
    lost = [NodeObserved(node=node(f"node{number}", ready=False)) for number in draw(st.permutations([1, 2, 3]))[:2]]
    found = [NodeObserved(node=node(f"node{number}")) for number in (1, 2, 3)]
    return [*begin, *draw(st.sampled_from([shown, []])), *lost, *found, *map(observed, draw(worlds()))]


def told(records: list[Recorded]) -> Story:
    followed, rules = with_recorded_lots(iter(records), RULES)
    return tell(followed, Refold(rules))


def outline(change: Change, redactor: Redactor | None = None) -> tuple[object, ...]:
    """Return a change without its words, and with other names where a redactor is given."""

    def named(kind: Kind, name: str | None) -> str | None:
        return name if redactor is None or name is None else redactor.name(kind, name)

    def nodes(names: str | None) -> list[str | None]:
        return [named(Kind.NODE, name) for name in names.split(", ")] if names else []

    return (
        change.seq,
        change.what,
        named(Kind.SERVICE_KEY, change.service),
        named(Kind.ADDRESS, change.address),
        named(Kind.ADDRESS, change.previous_address),
        named(Kind.EIP, change.eip),
        nodes(change.from_),
        nodes(change.to),
    )


@settings(max_examples=30, deadline=None)
@given(life=lives())
def test_a_redacted_log_tells_the_same_story(life: list[Observed]) -> None:
    records = recorded(life, RULES)
    redactor = Redactor.over(records)
    redacted = [redactor.redact(record) for record in records]

    before, after = told(records), told(redacted)

    assert before.differences == ()
    assert after.differences == ()
    assert [outline(change) for change in after.timeline] == [outline(change, redactor) for change in before.timeline]
