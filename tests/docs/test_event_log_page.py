"""docs/event-log.md says what is true of the code."""

import json
import re
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.dialects import sqlite

from porter.events.chain import checksum
from porter.events.codec import KINDS, word_of
from porter.events.entries import Entry
from porter.events.export import to_line
from porter.events.exported import ExportedLog
from porter.events.schema import METADATA, SCHEMA_VERSION, VERSION_TABLE
from tests.events.golden import FULL

PAGE = (Path(__file__).parents[2] / "docs" / "event-log.md").read_text()


def word(kind: str) -> str:
    entry: Entry = FULL[kind, KINDS[kind][1]]
    return word_of(entry)


def test_every_kind_is_in_the_table_with_its_version_and_word() -> None:
    rows = re.findall(r"^\| `([a-z._]+)` \| (\d+) \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)

    assert [(kind, int(version), said) for kind, version, said, _ in rows] == [
        (kind, version, word(kind)) for kind, (_, version) in KINDS.items()
    ]


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=str)
def test_the_tables_are_those_that_are_made(table: sqlalchemy.Table) -> None:
    said = re.search(rf"CREATE TABLE {table.name} \((.*?)\n\)", PAGE, re.DOTALL)
    assert said is not None
    columns = re.findall(r"^    (\w+) +(\w+) +NOT NULL", said[1], re.MULTILINE)

    assert columns == [(column.name, column.type.compile(sqlite.dialect())) for column in table.columns]
    assert isinstance(table.primary_key, sqlalchemy.PrimaryKeyConstraint)
    assert f"PRIMARY KEY ({', '.join(column.name for column in table.primary_key)})" in said[1]


def test_the_schema_is_the_one_that_is_written() -> None:
    assert f"`{VERSION_TABLE}` holds one row, the version of the tables (now {SCHEMA_VERSION})" in PAGE


def test_the_line_of_an_exported_file_is_one(tmp_path: Path) -> None:
    example = re.search(r"^\{.*\}$", PAGE, re.MULTILINE)
    assert example is not None
    path = tmp_path / "log.jsonl"
    path.write_text(f"{example[0]}\n")

    [row] = ExportedLog(path).rows()

    assert to_line(row) == path.read_bytes()
    assert row.previous is not None
    assert checksum(row.previous, row) == row.checksum
    assert list(json.loads(example[0])) == ["seq", "at", "kind", "version", "word", "checksum", "previous", "entry"]
