"""Stored rows are a public format: what was written once is read for ever, and means the same."""

from pathlib import Path

import msgspec
import pytest

from porter.events.codec import KINDS, encode
from porter.events.export import to_line
from porter.events.exported import Line, from_line
from tests.events.golden import EARLIER, FULL

GOLDEN = Path(__file__).parent.parent / "data" / "golden-entries.jsonl"
LINES = GOLDEN.read_bytes().splitlines(keepends=True)


def named(line: bytes) -> str:
    row = msgspec.json.decode(line, type=Line)
    return f"{row.seq}-{row.kind}-{row.version}"


@pytest.mark.parametrize("line", LINES, ids=named)
def test_a_stored_row_still_means_what_it_meant(line: bytes) -> None:
    row = msgspec.json.decode(line, type=Line)

    recorded = from_line(line)

    assert recorded.entry == EARLIER.get(recorded.seq, FULL[row.kind, row.version])


@pytest.mark.parametrize("line", LINES, ids=named)
def test_a_row_of_the_current_version_is_written_as_it_was_stored(line: bytes) -> None:
    row = msgspec.json.decode(line, type=Line)
    if row.version == KINDS[row.kind][1]:
        assert to_line(from_line(line)) == line


def test_every_kind_in_every_version_has_a_stored_row() -> None:
    stored = {(row.kind, row.version) for row in (msgspec.json.decode(line, type=Line) for line in LINES)}

    expected = {(kind, version) for kind, (_, newest) in KINDS.items() for version in range(1, newest + 1)}

    assert stored == expected


def test_every_field_of_every_entry_is_in_its_stored_row() -> None:
    """A field at its default is left out of a row, so a golden row that has all of them proves their names too."""
    for (kind, version), entry in FULL.items():
        if version != KINDS[kind][1]:
            continue
        body = msgspec.json.decode(encode(entry)[2])

        assert list(body) == list(entry.__struct_fields__), kind
