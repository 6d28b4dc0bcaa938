"""The page in a browser: what is seen, said and done by mouse and keys. Needs Chromium."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from porter.replay.page.picture import Picture
from tests.browser import Tab
from tests.replay.page.conftest import written
from tests.replay.page.lives import many
from tests.replay.page.test_document import NASTY


def range_of(tab: Tab) -> tuple[float, float]:
    return tab.run("Porter.view.from"), tab.run("Porter.view.to")


def text_of(tab: Tab, place: str) -> str:
    found: str = tab.run(f"document.getElementById({place!r}).innerText")
    return found


def place_of(tab: Tab, lane: str, which: int) -> tuple[float, float]:
    """Return where on the screen the middle of a turn of a lane is; -1 for the last."""
    found: dict[str, float] = tab.run(
        f"""(() => {{
          const lane = Porter.lanes.findIndex((one) => Porter.title(Porter.lanes.indexOf(one)) === {lane!r});
          const {{first, end}} = Porter.lanes[lane], turn = {which} < 0 ? end + ({which}) : first + ({which});
          const box = document.getElementById("lanes").getBoundingClientRect();
          return {{
            x: box.left + (Porter.x(Porter.turns.t[turn]) + Porter.x(Porter.turnEnd(lane, turn))) / 2,
            y: box.top + Porter.view.rowOf.get(lane) * Porter.LANE - Porter.view.top + Porter.LANE / 2,
          }};
        }})()"""
    )
    return found["x"], found["y"]


def colour_at(tab: Tab, x: float, y: float) -> str:
    """Return what the lanes' canvas shows at a place on the screen, as #rrggbb."""
    found: str = tab.run(
        f"""(() => {{
          const canvas = document.getElementById("lanes"), box = canvas.getBoundingClientRect();
          const [r, g, b] = canvas.getContext("2d").getImageData({x} - box.left, {y} - box.top, 1, 1).data;
          return "#" + [r, g, b].map((one) => one.toString(16).padStart(2, "0")).join("");
        }})()"""
    )
    return found


def chosen(tab: Tab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tab.run("JSON.stringify(Porter.view.chosen)"))
    return found


def test_it_comes_up_without_a_complaint_and_asks_nobody(tab: Tab, eventful_page: Path) -> None:
    assert tab.complaints() == []
    assert tab.requests() == [eventful_page.resolve().as_uri()]
    assert "node1.jsonl.gz, log of node1 · 2026-11-21 10:00:00 to 2026-11-21 10:52:28 (52 min 28 s)" in text_of(
        tab, "about"
    )
    assert text_of(tab, "found") == "12 lanes"
    assert text_of(tab, "legend").split() == ["node1", "node2", "node3", "node4"]


def test_each_bar_has_the_colour_of_its_node(tab: Tab) -> None:
    colours = {"node1": "#0072b2", "node2": "#e69f00", "node3": "#009e73", "node4": "#cc79a7"}
    last = json.loads(
        tab.run(
            "JSON.stringify(Porter.lanes.filter((lane) => lane.address)"
            ".map((lane) => [lane.address, Porter.ownerName(Porter.turns.owner[lane.end - 1])]))"
        )
    )

    assert len(last) == 9
    for address, owner in last:
        x, y = place_of(tab, address, -1)
        assert colour_at(tab, x, y) == colours[owner], address


def test_the_reason_is_shown_on_hover(tab: Tab) -> None:
    tab.mouse("Moved", *place_of(tab, "192.168.0.94", -1))

    said = text_of(tab, "tip")
    assert said.startswith("192.168.0.94: node3 → ")
    assert "taken over from node3: there is no such Node" in said
    assert "default/wiki" in said
    tab.mouse("Moved", 5, 5)
    assert tab.run("document.getElementById('tip').hidden")


def test_a_click_tells_cause_since_when_and_how_long_it_took(tab: Tab) -> None:
    tab.click(*place_of(tab, "192.168.0.93", -1))

    said = text_of(tab, "panel").lower()
    assert "192.168.0.93" in said
    assert "default/blog, eip edge" in said
    assert "since 2026-11-21 10:44:0" in said
    assert "to the end of the log" in said
    assert "taken over from node3: there is no such node" in said
    assert "node node3 is gone" in said
    assert "node.gone, entry " in said
    for step in ("observed (entry ", "decided (entry ", "announced here (entry ", "written to the api (entry "):
        assert step in said
    assert " ms" in said


def test_a_mark_is_told_of(tab: Tab) -> None:
    tab.run("Porter.nextProblem(1)")
    kinds = set()
    for _ in range(tab.run("Porter.lanes.reduce((sum, lane) => sum + lane.problems, 0)")):
        mark = chosen(tab)["mark"]
        if mark >= 0:
            kinds.add(tab.run(f"Porter.marks.kind[{mark}]"))
            assert tab.run(f"Porter.text(Porter.marks.text[{mark}])") in text_of(tab, "panel")
        tab.run("Porter.nextProblem(1)")

    assert kinds == {"failed", "conflict", "stranger"}


def test_the_filter_is_over_address_service_node_and_eip(tab: Tab) -> None:
    expected = {
        "192.168.0.95": 1,
        "default/wiki": 1,
        "NODE4 default": tab.run("Porter.lanes.filter((lane) => lane.names.node.includes('node4')).length"),
        "eip:edge": 11,
        "service:edge": 0,
        "node:node1 address:.93": 1,
        "": 12,
    }

    for words, count in expected.items():
        filtered(tab, words)

        assert tab.run("Porter.view.visible.length") == count, words
        assert tab.run("[...document.querySelectorAll('.label')].filter((one) => !one.hidden).length") == count
        assert tab.run("document.getElementById('nothing').hidden") is (count > 0)
    assert text_of(tab, "found") == "12 lanes"


def filtered(tab: Tab, words: str) -> None:
    tab.run(
        f"""(() => {{
          const field = document.getElementById("filter");
          field.value = {words!r};
          field.dispatchEvent(new Event("input"));
        }})()"""
    )
    tab.settle()


def test_a_node_of_the_legend_is_a_filter(tab: Tab) -> None:
    tab.run("document.querySelectorAll('.chip')[3].click()")

    assert tab.run("document.getElementById('filter').value") == "node:node4"
    assert tab.run("document.querySelectorAll('.chip')[3].getAttribute('aria-pressed')") == "true"
    assert 0 < tab.run("Porter.view.visible.length") < 12
    tab.run("document.querySelectorAll('.chip')[3].click()")
    assert tab.run("Porter.view.visible.length") == 12


def test_only_lanes_with_problems_may_be_shown(tab: Tab) -> None:
    tab.run("document.getElementById('problems').click()")

    assert tab.run("Porter.view.visible.every((lane) => Porter.lanes[lane].problems > 0)")
    assert tab.run("Porter.view.visible.length") == 9


def test_the_wheel_zooms_at_the_pointer(tab: Tab) -> None:
    x, y = place_of(tab, "192.168.0.94", -1)
    left = tab.run("document.getElementById('lanes').getBoundingClientRect().left")
    under = tab.run(f"Porter.time({x} - {left})")
    before = range_of(tab)

    tab.mouse("Wheel", x, y, deltaX=0, deltaY=-300, modifiers=2)

    after = range_of(tab)
    assert after[1] - after[0] < (before[1] - before[0]) * 0.7
    assert abs(tab.run(f"Porter.time({x} - {left})") - under) < (after[1] - after[0]) / 500


def test_dragging_moves_in_time(tab: Tab) -> None:
    tab.run("Porter.show(1e9, 2e9)")
    x, y = place_of(tab, "192.168.0.94", 1)
    tab.mouse("Moved", 700, y)
    tab.mouse("Pressed", 700, y)
    tab.mouse("Moved", 600, y, buttons=1)
    tab.mouse("Released", 600, y)

    width = tab.run("Porter.view.width")
    begin, end = range_of(tab)
    assert abs(begin - (1e9 + 1e9 * 100 / width)) < 1e7
    assert abs((end - begin) - 1e9) < 1e6
    assert tab.run("Porter.view.chosen") is None, f"a drag is no click {x}"


def test_the_strip_above_chooses_where(tab: Tab) -> None:
    tab.run("Porter.show(0, 3e8)")
    box = json.loads(tab.run("JSON.stringify(document.getElementById('overview').getBoundingClientRect())"))

    tab.click(box["left"] + box["width"] * 0.75, box["top"] + 20)

    begin, end = range_of(tab)
    assert abs((begin + end) / 2 - tab.run("Porter.length") * 0.75) < 1e7


def test_everything_can_be_done_by_keys(tab: Tab) -> None:
    tab.run("document.getElementById('lanes').focus()")
    whole = range_of(tab)

    tab.key("ArrowRight")
    assert (chosen(tab)["lane"], chosen(tab)["turn"]) == (0, 0)
    tab.key("ArrowRight")
    assert chosen(tab)["turn"] == 1
    assert text_of(tab, "said").startswith("192.168.0.91: nobody → ")
    tab.key("ArrowDown")
    assert chosen(tab)["lane"] == 1
    tab.key("n")
    assert tab.run("Porter.lanes[Porter.view.chosen.lane].problems") > 0
    tab.key("+")
    tab.key("+")
    zoomed = range_of(tab)
    assert zoomed[1] - zoomed[0] < (whole[1] - whole[0]) / 2
    tab.key("ArrowRight", shift=True)
    assert range_of(tab)[0] > zoomed[0] or range_of(tab)[1] == whole[1]
    tab.key("0")
    assert range_of(tab) == pytest.approx(whole)
    tab.key("Enter")
    assert tab.run("document.activeElement.id") == "panel"
    tab.key("Escape")
    assert tab.run("document.activeElement.id") == "lanes"
    tab.key("Escape")
    assert tab.run("Porter.view.chosen") is None
    tab.key("/")
    assert tab.run("document.activeElement.id") == "filter"
    assert tab.run("document.getElementById('filter').value") == ""
    tab.key("Escape")
    tab.key("?")
    assert tab.run("document.getElementById('legendary').open")


def test_it_is_light_or_dark_as_the_desktop_and_by_a_button(tab: Tab, eventful_page: Path) -> None:
    light = tab.run("getComputedStyle(document.body).backgroundColor")
    tab.prefer("dark")
    tab.open(eventful_page)

    dark = tab.run("getComputedStyle(document.body).backgroundColor")
    assert brightness(light) > 200
    assert brightness(dark) < 60
    assert tab.run("document.documentElement.dataset.theme") == "dark"
    tab.run("document.getElementById('theme').click()")
    tab.settle()
    assert tab.run("getComputedStyle(document.body).backgroundColor") == light


def brightness(colour: str) -> float:
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")[:3]) / 3


def test_text_is_legible_in_both(tab: Tab) -> None:
    """WCAG 2.1, 1.4.3: text against its background at least 4.5 to 1."""
    for theme in ("light", "dark"):
        tab.run(f"document.documentElement.dataset.theme = {theme!r}")
        for ink in ("--ink", "--soft", "--bad", "--warn", "--ok"):
            for ground in ("--card", "--page", "--chosen"):
                pair = [
                    tab.run(f"getComputedStyle(document.documentElement).getPropertyValue({name!r}).trim()")
                    for name in (ink, ground)
                ]
                assert contrast(*pair) >= 4.5, (theme, ink, ground)


def contrast(one: str, other: str) -> float:
    lights = sorted(luminance(colour) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_everything_that_can_be_used_has_a_name(tab: Tab) -> None:
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    used = [
        node for node in tree if node.get("role", {}).get("value") in {"button", "searchbox", "checkbox", "combobox"}
    ]

    assert len(used) > 12
    assert [node for node in used if not node.get("name", {}).get("value")] == []


def test_names_are_shown_as_they_are(browser: Tab, picture: Picture, tmp_path: Path) -> None:
    texts = [NASTY[place % len(NASTY)] if place % 3 == 0 else text for place, text in enumerate(picture.texts)]
    page = written(msgspec.structs.replace(picture, title=NASTY[0], texts=texts), tmp_path / "nasty.html")

    browser.open(page)
    elements = browser.run("document.querySelectorAll('*').length")
    browser.run("Porter.pick({lane: 0, turn: 1, mark: -1})")
    shown = browser.run("document.body.innerText")

    assert browser.complaints() == []
    assert NASTY[0] in shown
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert elements > 50


def test_a_log_without_a_story_says_so(browser: Tab, picture: Picture, tmp_path: Path) -> None:
    empty = Picture(
        **{
            **{name: getattr(picture, name) for name in picture.__struct_fields__},
            **{name: type(getattr(picture, name))() for name in ("changes", "causes", "turns", "marks", "spans")},
            "lanes": [],
        }
    )

    browser.open(written(empty, tmp_path / "empty.html"))

    assert browser.complaints() == []
    assert "No address fits" in text_of(browser, "nothing")


def test_a_thousand_addresses_and_100_000_changes_can_be_used(browser: Tab, tmp_path: Path) -> None:
    browser.size(1280, 800)
    browser.open(written(many(), tmp_path / "many.html"))

    assert browser.run("Porter.changes.t.length") == 100_000
    assert text_of(browser, "found") == "1,000 lanes"
    assert browser.run("document.querySelectorAll('.label').length") < 40, "only rows on the screen are elements"
    browser.run("document.getElementById('body').scrollTop = 1e9")
    browser.settle()
    assert "172.16.3.250" in text_of(browser, "labels")
    browser.run("Porter.zoom(0.001)")
    browser.settle()
    filtered(browser, "team-3/")
    assert browser.run("Porter.view.visible.length") == 50
    assert browser.run("Porter.measure(20).worst") > 0
    assert browser.complaints() == []


def test_from_its_very_moment_a_change_holds(tab: Tab) -> None:
    wrong = tab.run(
        """Porter.lanes.flatMap((lane, i) => {
          const turns = Array.from({ length: lane.end - lane.first }, (_, place) => lane.first + place);
          const last = (turn) => turn + 1 >= lane.end || Porter.turns.t[turn + 1] > Porter.turns.t[turn];
          return turns.filter((turn) => last(turn) && Porter.turnAt(i, Porter.turns.t[turn]) !== turn);
        })"""
    )

    assert wrong == []
    assert tab.run("Porter.turnAt(0, Porter.turns.t[0] - 1)") == -1
