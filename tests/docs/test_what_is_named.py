"""README.md and docs/: whatever command, option, variable, exit code, file, module or metric they name is there."""

import importlib.util
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import click
import pytest

from porter.agent.pages.metrics import exposition
from porter.cli import main, porter
from porter.events.schema import VERSION_TABLE
from tests.agent.test_pages import NOTHING

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
SOURCES = "".join(path.read_text() for path in (ROOT / "porter").rglob("*.py"))
ABOUT: Mapping[str, list[str]] = {
    "check.md": ["check"],
    "explain.md": ["explain"],
    "lab.md": ["lab"],
    "page.md": ["replay"],
}
"""Pages on one command alone; the others may name an option of any."""
HELMS = {"--create-namespace"}
_FOLDERS = "porter|tests|docs|deploy|benchmarks|fuzz|plugins-examples"


def spans(text: str) -> list[str]:
    """Return what is written as code within lines."""
    return [" ".join(span.replace("\\|", "|").split()) for span in re.findall(r"`([^`]+)`", outside_blocks(text))]


def outside_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def typed(text: str) -> Iterator[list[str]]:
    """Yield each command line, in a block or within a line, as its words from the program on."""
    indented = re.findall(r"^ {4,}(?:\$ )?(\S.*)$", text, re.MULTILINE)
    prompted = re.findall(r"^\$ (.+)$", text, re.MULTILINE)
    for line in (*indented, *prompted, *spans(text)):
        for part in re.split(r" [|>] | -- |&&", line):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:
                continue  # a line of something else
            if words[:1] in (["porter"], ["make"], ["python"]):
                yield words


def placeholder(word: str) -> bool:
    return word.isupper() or word == "…"


def called(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that the words call, and what follows its name."""
    command: click.Command = porter
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-") and not placeholder(rest[0]):
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, f"there is no command {' '.join(words)}"
        command, rest = found, rest[1:]
    return command, rest


def options_of(command: click.Command) -> set[str]:
    return {"-h", "--help"} | {
        name
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }


def commands_below(command: click.Command, *path: str) -> Mapping[tuple[str, ...], click.Command]:
    found = {path: command}
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            found |= commands_below(inner, *path, name)
    return found


@cache
def options_below(*path: str) -> frozenset[str]:
    below = commands_below(called(["porter", *path])[0])
    return frozenset(name for command in below.values() for name in options_of(command))


@cache
def variables() -> frozenset[str]:
    """Return the environment variables that options are read from."""
    found: set[str] = set()
    for path, command in commands_below(porter, "porter").items():
        for option in command.params:
            given = option.envvar or ()
            found.update([given] if isinstance(given, str) else given)
            found.add("_".join((*path, option.name or "")).upper().replace("-", "_"))
    return frozenset(found)


def paths(text: str) -> list[str]:
    return re.findall(rf"(?<![\w/.~-])((?:{_FOLDERS})/[\w./-]*[\w/])", text)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_is_one_with_options_that_it_has(page: str) -> None:
    for program, *words in typed(PAGES[page]):
        if program == "make":
            assert words[0] in TARGETS, words
        elif program == "python":
            there = importlib.util.find_spec(words[1]) if words[0] == "-m" else (ROOT / words[0]).is_file()
            assert there, words
        else:
            command, rest = called([program, *words])
            given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
            assert given <= options_of(command), (words, given - options_of(command))


@pytest.mark.parametrize("page", PAGES)
def test_every_option_alone_is_one_of_a_command(page: str) -> None:
    known = options_below(*ABOUT.get(page, [])) | options_below("run") | HELMS
    if page == "lab-api-server.md":
        source = (ROOT / "porter" / "lab" / "apiserver" / "__main__.py").read_text()
        known = frozenset(re.findall(r'"(--[a-z-]+)"', source))

    for span in spans(PAGES[page]):
        for option in re.findall(r"^(--[a-z][a-z0-9-]*)", span):
            assert any(option == one or (option[-1] == "-" and one.startswith(option)) for one in known), span


def test_every_environment_variable_is_read() -> None:
    named = {name for text in PAGES.values() for name in re.findall(r"\bPORTER_[A-Z_]+", text)}

    assert len(named) > 2
    assert {name for name in named if name not in variables() and f'"{name}"' not in SOURCES} == set()


def test_every_exit_code_is_one_that_the_command_line_has() -> None:
    told = " ".join((main.__doc__ or "").split())
    known = set(re.findall(r"\b(\d+)(?= (?:is|an|wrong|Ctrl))", told))
    named = [code for text in PAGES.values() for code in re.findall(r"exit\s+code\s+(?:is\s+)?(\d+)", text.lower())]

    assert known == {"0", "1", "2", "130"}
    assert len(named) > 4
    assert set(named) <= known


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_module_that_it_names_is_there(page: str) -> None:
    text = PAGES[page]
    for path in paths(text):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"`((?:porter|tests|benchmarks)(?:\.\w+)+)`", outside_blocks(text)):
        outer, _, last = module.rpartition(".")
        there = importlib.util.find_spec(outer)
        assert there is not None, module
        inside = Path(there.origin or "").read_text()
        assert (
            importlib.util.find_spec(module) if last.islower() and there.submodule_search_locations else last in inside
        )


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    here = ROOT if page == "README.md" else ROOT / "docs"
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGES[page]):
        file, _, anchor = target.partition("#")
        assert (here / file).exists(), target
        if anchor:
            text = (here / file).read_text() if file else PAGES[page]
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, target


def test_every_metric_that_any_page_names_is_served() -> None:
    served = set(re.findall(r"^# TYPE (\w+)", exposition(lambda: NOTHING)().decode(), re.MULTILINE))
    named = {name for text in PAGES.values() for span in spans(text) for name in re.findall(r"^porter_\w+$", span)}

    assert len(served & named) > 8
    assert {name for name in named - served if not name.startswith("porter_protocol")} == {VERSION_TABLE}


def test_every_command_is_named_somewhere() -> None:
    named = [" ".join(words) for text in PAGES.values() for words in typed(text)]

    for path, command in commands_below(porter, "porter").items():
        if not isinstance(command, click.Group):
            assert any(f"{line} ".startswith(f"{' '.join(path)} ") for line in named), path
