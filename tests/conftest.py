"""What holds for all tests: which need root, and that a run which promised to skip nothing did so."""

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.browser import Tab, chromium
from tests.events.postgresql import Server, find_binaries, running_server
from tests.needs import needed

NO_SKIPS = "PORTER_NO_SKIPS"
"""Set in the environment where everything must be there: then a skipped test fails the run."""

_skipped: list[str] = []


@pytest.hookimpl
def pytest_configure() -> None:
    """Heed Ctrl-C, as all that a test starts then does: a worker of pytest-xdist, and a job of a shell, ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _why_no_namespaces()
    if reason is None:
        return
    for item in items:
        if item.get_closest_marker("root") is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(f"{report.nodeid}: {_reason(report.longrepr)}")


@pytest.hookimpl
def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append(f"{report.nodeid}: {_reason(report.longrepr)}")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    if os.environ.get(NO_SKIPS) and _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    yield


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get(NO_SKIPS) and _skipped:
        terminalreporter.section(f"{NO_SKIPS} is set and {len(_skipped)} tests were skipped", red=True)
        for line in _skipped:
            terminalreporter.line(line)


@pytest.fixture(autouse=True)
def _no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of the commands under test come from the test alone."""
    for name in tuple(os.environ):
        if name.startswith("PORTER_") and name != NO_SKIPS:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server of the tests' own, for as long as they run."""
    with running_server(needed(find_binaries(), "a PostgreSQL server", "postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser of the tests' own, in UTC, for as long as they run."""
    with chromium(tmp_path_factory.mktemp("chromium")) as tab:
        tab.call("Emulation.setTimezoneOverride", timezoneId="UTC")
        yield tab


def _reason(outcome: object) -> str:
    return str(outcome[2]) if isinstance(outcome, tuple) else str(outcome)


def _why_no_namespaces() -> str | None:
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    if shutil.which("ip") is None:
        return "needs the command ip (Debian: iproute2)"
    return None
