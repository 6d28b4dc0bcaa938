"""What users wrote is shown without harm."""

import pytest

from porter.model.text import LONGEST, fit_to_show


@pytest.mark.parametrize("text", ["", "pool-a", "192.168.0.91, fd00::1", "x" * LONGEST, "Überraschung"])
def test_what_is_short_and_printable_stays_as_it_is(text: str) -> None:
    assert fit_to_show(text) == text


@pytest.mark.parametrize("text", ["\x1b]0;forged\x07", "a\nb", "\u202etxt", "\x00"])
def test_what_could_forge_a_screen_is_replaced(text: str) -> None:
    assert fit_to_show(text).isprintable()
    assert len(fit_to_show(text)) == len(text)


def test_what_is_endless_is_cut() -> None:
    assert fit_to_show("x" * 300_000) == "x" * (LONGEST - 1) + "…"
