"""Every finding that is not well says why it matters and which command mends it: read in the source, one by one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import porter.check

SOURCES = sorted(Path(porter.check.__file__).parent.glob("*.py"))


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                yield f"{path.name}:{node.lineno}", node


def may_be_bad(call: ast.Call) -> bool:
    """Unless its level is written down as `ok` or `unknown`."""
    [level] = [one.value for one in call.keywords if one.arg == "level"]
    named = {node.value for node in ast.walk(level) if isinstance(node, ast.Constant)}
    return not named or bool(named & {"fault", "warning"})


FOUND = [(where, call) for where, call in calls() if may_be_bad(call)]


def test_findings_are_found() -> None:
    assert len(FOUND) > 20


@pytest.mark.parametrize(("where", "call"), FOUND, ids=[where for where, _ in FOUND])
def test_it_says_why_and_what_to_do(where: str, call: ast.Call) -> None:
    assert {"check", "level", "what", "why", "commands"} <= {one.arg for one in call.keywords}, where
