"""docs/page.md names every sign that the page draws, and every key that it knows."""

import re
from importlib.resources import files
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "page.md").read_text()


def asset(name: str) -> str:
    return files("porter.replay.page").joinpath(name).read_text(encoding="utf-8")


def test_every_sign_is_told_with_its_meaning() -> None:
    drawn = re.findall(r'^    \w+: \["(.)", "\w+", "(.+)"\],$', asset("signs.js"), re.MULTILINE)
    told = re.findall(r"^\| (\S) \| (?:address|agent) \| (.+) \|$", PAGE, re.MULTILINE)

    assert drawn == told
    assert len(drawn) > 5


def test_every_key_of_the_help_is_told() -> None:
    rows = re.findall(r'<tr><th scope="row">(.+?)</th>', asset("page.html"))

    for row in rows:
        for key in row.replace("wheel", "").split():
            assert key in PAGE, row
