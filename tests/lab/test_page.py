import pytest

from porter.lab.tutorial.page import WIDTH, Page, StepFailedError, expect, until


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def page(lines: list[str]) -> Page:
    return Page(lines.append)


def test_a_table_shows_the_columns_that_fit_and_names_the_others(page: Page, lines: list[str]) -> None:
    wide = "NAME    STATUS   OS-IMAGE" + " " * 60 + "KERNEL-VERSION\n" + "node1   Ready    x" + " " * 67 + "6.18"
    page.table("kubectl get nodes -o wide", wide + "x" * 50)

    assert lines == ["  $ kubectl get nodes -o wide", "    NAME   STATUS  OS-IMAGE", "    node1  Ready   x", lines[-1]]
    assert lines[-1] == "    (and KERNEL-VERSION)"


def test_what_is_no_table_is_shown_as_it_is(page: Page, lines: list[str]) -> None:
    page.table("kubectl get svc", "one  two\nthree")

    assert lines[1:] == ["    one  two", "    three"]


def test_a_long_command_is_continued_as_a_shell_would(page: Page, lines: list[str]) -> None:
    page.ran("kubectl patch svc porter-layer2-svc --type merge -p " + "'{" + "x" * 60 + "}'")

    assert lines[0] == "  $ kubectl patch svc porter-layer2-svc --type merge -p \\"
    assert lines[1].startswith("      '{xxx")


def test_proofs_and_failures_stay_within_80_columns(page: Page, lines: list[str]) -> None:
    text = "an address from 192.168.0.91 to 192.168.0.100 on Service porter-layer2-svc " * 4
    page.step("Step 1: a step")
    page.say(text)
    page.holds(text)
    page.fails(StepFailedError(text, text))

    assert max(len(line) for line in lines) <= WIDTH
    assert [line for line in lines if "expected:" in line]
    assert [line for line in lines if "seen:" in line]


def test_waiting_ends_with_what_was_seen_last() -> None:
    seen = iter(["nothing", "something", "all"])

    assert until("all", lambda: ((found := next(seen)) == "all", found), within=5.0, every=0.0) == "all"
    with pytest.raises(StepFailedError, match=r"expected an answer within 0.05 s; saw silence"):
        until("an answer", lambda: (False, "silence"), within=0.05, every=0.01)
    with pytest.raises(StepFailedError, match="expected one; saw two"):
        expect("one", False, "two")
