"""docs/event-log.md says what is true of the code."""

import json
import re
from pathlib import Path

import sqlalchemy
from sqlalchemy.dialects import sqlite

from porter.events.codec import KINDS, word_of
from porter.events.entries import Entry
from porter.events.export import from_line, to_line
from porter.events.schema import ENTRY, SCHEMA_VERSION, VERSION_TABLE
from tests.events.golden import FULL

PAGE = (Path(__file__).parents[2] / "docs" / "event-log.md").read_text()


def word(kind: str) -> str:
    entry: Entry = FULL[kind, KINDS[kind][1]]
    return word_of(entry)


def test_every_kind_is_in_the_table_with_its_version_and_word() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \| (\d+) \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)

    assert [(kind, int(version), said) for kind, version, said, _ in rows] == [
        (kind, version, word(kind)) for kind, (_, version) in KINDS.items()
    ]


def test_the_table_is_the_one_that_is_made() -> None:
    said = re.search(r"CREATE TABLE entry \((.*?)\n\)", PAGE, re.DOTALL)
    assert said is not None
    columns = re.findall(r"^    (\w+) +(\w+) +NOT NULL", said[1], re.MULTILINE)

    assert columns == [(column.name, column.type.compile(sqlite.dialect())) for column in ENTRY.columns]
    assert "PRIMARY KEY (stream, seq)" in said[1]
    assert isinstance(ENTRY.primary_key, sqlalchemy.PrimaryKeyConstraint)
    assert [column.name for column in ENTRY.primary_key] == ["stream", "seq"]


def test_the_schema_is_the_one_that_is_written() -> None:
    assert f"`{VERSION_TABLE}` holds one row, the version of the tables (now {SCHEMA_VERSION})" in PAGE


def test_the_line_of_an_exported_file_is_one() -> None:
    example = re.search(r"^\{.*\}$", PAGE, re.MULTILINE)
    assert example is not None
    line = example[0].encode() + b"\n"

    assert to_line(from_line(line)) == line
    assert list(json.loads(line)) == ["seq", "at", "kind", "version", "word", "entry"]
