"""The file: one piece, nothing fetched, nothing run but its own script, whatever the names in the log are."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from porter.cli import main
from porter.replay.page.document import document
from porter.replay.page.picture import Lane, Picture
from tests.logs import write_log
from tests.replay.page.lives import eventful
from tests.replay.recording import ADDRESS
from tests.replay.test_merging import OFF, ON, log, owned, started

NASTY = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]></style><img src=x onerror=alert(1)>",
    "\"';{{SCRIPT}}{{DATA}}",
    "a\u2028b\u2029c",
    "\\u003c/script>",
    "&lt;b&gt;",
]


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._last = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.texts.append("")
        self._last = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the signature of the library
        self._last = ""

    def handle_data(self, data: str) -> None:
        if self._last:
            self.texts[-1] += data

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attributes, text) for (name, attributes), text in zip(self.found, self.texts, strict=True) if name == tag
        ]


def nasty(picture: Picture, name: str) -> Picture:
    return msgspec.structs.replace(picture, title=name, texts=[name, *picture.texts[1:]], lanes=[Lane(name, name)])


@pytest.mark.parametrize("name", NASTY)
def test_no_name_can_leave_the_data(picture: Picture, name: str) -> None:
    plain, odd = ("".join(document(one)) for one in (picture, nasty(picture, name)))

    before, after = Elements(plain), Elements(odd)
    assert [tag for tag, _ in after.found] == [tag for tag, _ in before.found]
    (attributes, data), (_, script) = after.of("script")
    assert attributes["type"] == "application/json"
    assert "<" not in data
    assert json.loads(data)["texts"][0] == json.loads(data)["title"] == name
    assert script == before.of("script")[1][1]
    assert after.of("title")[0][1] == f"Porter: {name}"


def test_the_policy_lets_only_this_style_and_this_script_run(picture: Picture) -> None:
    page = Elements("".join(document(picture)))

    policy = next(a["content"] for a, _ in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in (policy or "").split("; "))
    assert rules.pop("script-src") == f"'{hash_of(page.of('script')[1][1])}'"
    assert rules.pop("style-src") == f"'{hash_of(page.of('style')[0][1])}'"
    assert rules == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}


def hash_of(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def test_nothing_is_fetched_and_no_handler_is_inline(picture: Picture) -> None:
    page = Elements("".join(document(picture)))

    for tag, attributes in page.found:
        assert tag not in {"link", "img", "iframe", "object", "base"}
        assert not {"src", "srcset", "style", "action"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    code = page.of("style")[0][1] + page.of("script")[1][1]
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|innerHTML|\beval\b|import\(", code)


def test_the_command_prints_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path, picture: Picture) -> None:
    path = write_log(tmp_path / "porter.db", eventful())

    assert main(["replay", str(path), "--format", "html"]) == 0

    data = json.loads(Elements(capsys.readouterr().out).of("script")[0][1])
    assert data["title"] == str(path)
    assert data["changes"] == json.loads(msgspec.json.encode(picture))["changes"]


def test_the_command_minds_what_was_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write_log(tmp_path / "porter.db", eventful())

    assert main(["replay", str(path), "--format", "html", "--service", "default/web", "--until", "60"]) == 0

    data = json.loads(Elements(capsys.readouterr().out).of("script")[0][1])
    assert data["lanes"] == [["192.168.0.92", None]]
    assert data["last"] == 60


@pytest.mark.parametrize("mode", ["--verify", "--follow", "--diff=1..2"])
def test_other_questions_have_no_page(capsys: pytest.CaptureFixture[str], mode: str) -> None:
    assert main(["replay", "node1.jsonl", "--format", "html", mode]) == 2

    assert f"{mode.partition('=')[0]} and --format html do not go together" in capsys.readouterr().err


def test_several_logs_make_a_page_of_the_first_with_the_windows_of_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one = log(tmp_path, "node1", [(0, started("node1")), (1, owned("node1")), (2, ON), (9, OFF), (20, owned("node1"))])
    other = log(
        tmp_path, "node2", [(0, started("node2")), (1, owned("node1")), (5, ON), (14, OFF), (20, owned("node1"))]
    )

    assert main(["replay", "--merge", one, other, "--format", "html"]) == 0

    data = json.loads(Elements(capsys.readouterr().out).of("script")[0][1])
    texts, spans = data["texts"], data["spans"]
    found = [
        (kind, begin, end, texts[text])
        for kind, begin, end, text in zip(spans["kind"], spans["t"], spans["end"], spans["text"], strict=True)
        if kind != "announced"
    ]
    assert ("several", 5_000_000, 9_000_000, "node1 and node2 announced it at the same time") in found
    assert ("nobody", 14_000_000, 20_000_000, "no node announced it") in found
    assert data["marks"]["kind"].count("conflict") == 1
    assert data["title"] == f"{one}, {other}"
    assert data["lanes"] == [[ADDRESS, None]]
