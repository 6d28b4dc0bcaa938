"""What docs/lab-api-server.md says of the server is so."""

from __future__ import annotations

from pathlib import Path

from porter.lab.apiserver.__main__ import _parser
from porter.lab.apiserver.builtin import BUILTIN

PAGE = (Path(__file__).parents[3] / "docs" / "lab-api-server.md").read_text()


def test_every_kind_is_in_the_page() -> None:
    assert [kind.name for kind in BUILTIN if kind.name not in PAGE] == []


def test_every_option_is_in_the_page() -> None:
    options = [option for action in _parser()._actions for option in action.option_strings if option.startswith("--")]

    assert [option for option in options if option not in PAGE and option != "--help"] == []
