"""docs/layer2.md: every rule names tests that there are."""

import re
from pathlib import Path

import pytest

from tests.docs.test_compat_page import ROOT, functions_of

PAGE = (Path(__file__).parents[2] / "docs" / "layer2.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.endswith("| shown by |")]


def test_there_are_rules() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip()[:60] for row in ROWS])
def test_a_rule_names_its_tests(row: str) -> None:
    _, _, _, shown, _ = re.split(r"(?<!\\)\|", row)

    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", shown)
    assert named
    assert all((ROOT / path).exists() and test in functions_of(path) for path, test in named)
