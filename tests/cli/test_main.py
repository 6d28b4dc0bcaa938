"""The command `porter` itself: lists what there is, imports only what is called, says in a line what went wrong."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import click
import pytest

from porter.cli import COMMANDS, main
from porter.cli.collector import THRESHOLDS
from porter.cli.lazy import Subcommand
from porter.errors import PorterError
from tests.processes import killed
from tests.replay.recording import a_life_of_a_service, log_at, recorded

SCRIPTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]
HEAVY = ("kubernetes", "aiohttp", "pyroute2", "sqlalchemy", "alembic", "yaml", "celpy", "cryptography")


def imported(*arguments: str) -> set[str]:
    """Run `porter` in a process of its own and return which top-level modules it imported."""
    code = "import sys; from porter.cli import main; main(sys.argv[1:]); print('\\n', *sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ran.stderr.split()}


def test_help_lists_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    shown = capsys.readouterr().out
    for name, known in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(known.summary)}$", shown, re.MULTILINE), name
    assert not imported("--help") & set(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0

    assert capsys.readouterr().out.startswith(f"Usage: porter {name} ")


@pytest.mark.parametrize("name", ["replay", "explain", "log"])
def test_questions_to_a_log_import_no_kubernetes_client(name: str) -> None:
    assert not imported(name, "--help") & {"kubernetes", "aiohttp", "pyroute2", "alembic"}


def test_reading_a_log_imports_no_migrations() -> None:
    golden = Path(__file__).parents[1] / "data" / "golden-entries.jsonl"

    assert not imported("log", "show", "--event-log", str(golden)) & {"kubernetes", "aiohttp", "pyroute2", "alembic"}


@pytest.mark.parametrize("command", ["show", "tail"])
def test_looking_into_a_log_needs_no_database_library(command: str, tmp_path: Path) -> None:
    log = log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))

    assert not imported("log", command, "--event-log", str(log)) & set(HEAVY)


def test_a_story_needs_no_database_library(tmp_path: Path) -> None:
    log = log_at(tmp_path / "porter.db", recorded(a_life_of_a_service()))
    golden = Path(__file__).parents[1] / "data" / "golden-entries.jsonl"

    for path in (log, golden):
        assert not imported("replay", str(path)) & {*HEAVY, "asyncio", "rich"}, path


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert re.fullmatch(r"porter \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nope"], "porter: No such option '--nope'."),
        (["nope"], "porter: No such command 'nope'."),
        (["log", "nope"], "porter: No such command 'nope'."),
        (["log", "show", "--word", "seen"], "porter: Invalid value for '--word': 'seen' is not one of "),
        (["log", "show", "--kind", "seen"], "porter: Invalid value for --kind: 'seen' is not a kind of entry."),
        (["log", "show", "--service", "web"], "porter: Invalid value for --service: 'web' is not NAMESPACE/NAME"),
        (["log", "show", "--limit", "0"], "porter: Invalid value for '--limit': 0 is not in the range"),
    ],
)
def test_wrong_usage_is_one_sentence_and_2(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(sentence)
    assert re.search(r"\nTry 'porter.* --help'\.\n$", said.err)


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2

    assert capsys.readouterr().err.startswith("Usage: porter ")


def test_what_the_user_can_mend_is_one_line_and_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "show", "--event-log", f"{tmp_path}/none.db"]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert (
        said.err == f"porter: there is no log at {tmp_path}/none.db; the agent of a node makes one, see --event-log\n"
    )


def _answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, *, extra: str | None = None) -> None:
    """Add a command 'trial' whose module has this body."""
    (tmp_path / "trial_command.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "trial_command", raising=False)
    monkeypatch.setitem(
        COMMANDS,
        "trial",
        Subcommand(module="trial_command", summary="Only here.", extra=extra),
    )


COMMAND = "import click\nfrom porter.errors import PorterError\n@click.command()\ndef trial():\n    "


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("pass", 0, ""),
        ("return 3", 3, ""),
        ("click.get_current_context().exit(4)", 4, ""),
        ("raise PorterError('the sky is closed')", 1, "porter: the sky is closed\n"),
        ("raise click.ClickException('the sea is closed')", 1, "porter: the sea is closed\n"),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise click.Abort", 130, ""),
    ],
)
def test_an_end_has_its_exit_code(
    *,
    line: str,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _answers(monkeypatch, tmp_path, COMMAND + line)

    assert main(["trial"]) == status

    assert capsys.readouterr().err.strip() == said.strip()


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _answers(monkeypatch, tmp_path, COMMAND + "raise ZeroDivisionError")

    with pytest.raises(ZeroDivisionError):
        main(["trial"])


def test_a_missing_extra_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _answers(monkeypatch, tmp_path, "import no_such_module", extra="lab")

    assert main(["trial"]) == 1

    assert capsys.readouterr().err == (
        "porter: 'porter trial' needs the Python module 'no_such_module': pip install 'porter-lb[lab]'\n"
    )


def test_our_own_missing_module_is_a_bug(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _answers(monkeypatch, tmp_path, "import porter.no_such_module", extra="lab")

    with pytest.raises(ModuleNotFoundError):
        main(["trial"])


def test_an_option_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PORTER_EVENT_LOG", f"{tmp_path}/elsewhere.db")
    assert main(["log", "show"]) == 1
    assert "elsewhere.db" in capsys.readouterr().err

    monkeypatch.setenv("PORTER_LOG_SHOW_LIMIT", "none")
    assert main(["log", "show"]) == 2
    assert "'none' is not a valid integer" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    golden = Path(__file__).parents[1] / "data" / "golden-entries.jsonl"
    show = [sys.executable, "-c", "import sys; from porter.cli import main; sys.exit(main())", "log", "show"]
    with subprocess.Popen(
        [*show, "--event-log", str(golden)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as porter:
        assert porter.stdout is not None
        assert porter.stderr is not None
        porter.stdout.close()

        assert porter.stderr.read() == ""


def test_ctrl_c_is_quiet(tmp_path: Path) -> None:
    golden = (Path(__file__).parents[1] / "data" / "golden-entries.jsonl").read_bytes()
    (tmp_path / "log.jsonl").write_bytes(golden)
    # Started in the background of a shell, a process would ignore SIGINT.
    heed = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    tail = [sys.executable, "-c", f"{heed}; from porter.cli import main; sys.exit(main())", "log", "tail", "-f"]
    started = subprocess.Popen(
        [*tail, "--event-log", f"{tmp_path}/log.jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with started as porter, killed(porter):
        assert porter.stdout is not None
        assert porter.stderr is not None
        porter.stdout.readline()
        time.sleep(0.1)
        porter.send_signal(signal.SIGINT)

        assert porter.wait(10) == 130
        assert porter.stderr.read().strip() == ""


INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupt:
    def find_spec(self, name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
"""
"""What Python does first: have somebody press Ctrl-C when a module is imported."""


@pytest.mark.parametrize("name", ["porter.cli", "click", "porter.cli.run"])
def test_ctrl_c_is_quiet_while_python_still_imports(tmp_path: Path, name: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTED.format(name=name))
    module, _, function = SCRIPTS["porter"].partition(":")
    command = f"import sys; from {module} import {function}; sys.exit({function}())"

    ran = subprocess.run(
        [sys.executable, "-c", command, "run", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", "")


def test_every_error_of_ours_is_a_porter_error_or_clicks_own() -> None:
    from porter.events.errors import LogError  # noqa: PLC0415 - named by the claim above

    assert issubclass(LogError, PorterError)
    assert not issubclass(PorterError, click.ClickException)


def test_a_command_seldom_looks_for_garbage() -> None:
    code = "import gc; from porter.cli import main; main(['--version']); print(gc.get_threshold())"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-1] == str(THRESHOLDS)
