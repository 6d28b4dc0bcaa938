"""The closed list of reasons: each has one sentence, and stored names never change."""

import pytest

from porter.model.reasons import SENTENCES, Reason, Verdict


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_sentence_names_its_particulars_and_does_not_end(reason: Reason) -> None:
    sentence = Verdict(reason=reason, detail="{the detail}").sentence

    assert not sentence.endswith(".")
    assert "\n" not in sentence
    assert ("{the detail}" in sentence) == ("{}" in SENTENCES[reason])


@pytest.mark.parametrize("reason", Reason)
def test_a_stored_name_is_the_constants_name(reason: Reason) -> None:
    assert reason.value == reason.name.lower().replace("_", "-")
