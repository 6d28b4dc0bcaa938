"""docs/compat.md: each rule names tests that there are, or says plainly that it does not hold yet."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compat.md").read_text()
SECTIONS = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
NOT_YET = "**not yet**"
_NAME = r"(tests/[\w/]+\.py)::(test_\w+)"


def rows_of(section: str) -> list[list[str]]:
    """Return the cells of the rows below a heading, without the head of the table."""
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    cells = [re.split(r"(?<!\\) \| ", line) for line in lines]
    return [row for row in cells if row[-1] != "shown by"]


ROWS = [(section, row) for section in SECTIONS for row in rows_of(section)]
IDS = [f"{section}: {row[0]}" for section, row in ROWS]


@cache
def functions_of(path: str) -> frozenset[str]:
    """Return the names of a file's functions, read without running it."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        found.name for found in ast.walk(tree) if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_the_sections_are_those_of_the_older_versions_rules() -> None:
    assert SECTIONS == [
        "The fields of an Eip",
        "The status of an Eip",
        "Keys of Services and Nodes",
        "Whose Services, and what is published",
        "Allocation",
        "Addresses never handed out",
        "Which node",
        "Old bugs",
    ]
    assert all(len(rows_of(section)) > 1 for section in SECTIONS)


@pytest.mark.parametrize(("section", "row"), ROWS, ids=IDS)
def test_a_row_has_a_rule_and_what_shows_it(section: str, row: list[str]) -> None:
    assert len(row) == 3, section
    rule, words, shown = row

    assert rule.strip()
    assert words.strip()
    named = re.findall(rf"`{_NAME}`", shown)
    if words.startswith(NOT_YET):
        assert len(words) > len(NOT_YET) + 20, "it says why"
    else:
        assert NOT_YET not in words
        assert named, "it names a test"
    rest = re.sub(rf"`{_NAME}`", "", shown).strip(" ,")
    assert rest == ("" if named else "none"), "names of tests and nothing else"


@pytest.mark.parametrize(("section", "row"), ROWS, ids=IDS)
def test_every_test_that_a_row_names_is_there(section: str, row: list[str]) -> None:
    for path, name in re.findall(_NAME, row[-1]):
        assert (ROOT / path).is_file(), section
        assert name in functions_of(path), f"{path} has no {name}"


def test_the_rules_are_counted() -> None:
    missing = sum(row[1].startswith(NOT_YET) for _, row in ROWS)

    rest = f"{len(ROWS) - missing} hold, {missing} do not yet" if missing else "all hold"
    assert f"**{len(ROWS)} rules, {rest}.**" in PAGE
