import inspect
import re
from pathlib import Path

import pytest

from porter.plugins.api import Counting, Hooks, Host, ProtocolPlugin

HEADINGS = re.findall(r"^### `(.+)`$", (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(), re.MULTILINE)
MEMBERS = [
    (each, name) for each in (Hooks, ProtocolPlugin, Counting, Host) for name in vars(each) if not name.startswith("_")
]


def as_written(member: object, name: str) -> str:
    """How the page must head a member: a property by its name, a method with its exact arguments."""
    if isinstance(member, property):
        return name
    assert callable(member)
    parameters = list(inspect.signature(member).parameters.values())[1:]
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    return f"{name}{inspect.Signature(bare)}"


@pytest.mark.parametrize(("owner", "name"), MEMBERS, ids=[f"{owner.__name__}.{name}" for owner, name in MEMBERS])
def test_every_hook_and_method_is_documented_with_its_exact_arguments(owner: type, name: str) -> None:
    assert as_written(vars(owner)[name], name) in HEADINGS


def test_nothing_is_documented_that_is_not_there() -> None:
    assert sorted(HEADINGS) == sorted(as_written(vars(owner)[name], name) for owner, name in MEMBERS)
