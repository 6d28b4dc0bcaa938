"""The case that a log tells of at a moment, or the one that would follow from what is supposed."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from porter.cli.progress import shown_progress
from porter.errors import PorterError
from porter.events.sources import open_source
from porter.reconciler.explaining.case import Case
from porter.reconciler.explaining.history import History, When
from porter.reconciler.explaining.hypotheses import Hypothesis, suppose
from porter.replay.moments import parse_moment, too_early
from porter.replay.reading import begun, last_until, records_until


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A case, and where in the log it stands."""

    case: Case
    when: When
    supposed: tuple[str, ...] = ()
    """What is supposed, a sentence each; nothing for the case that the log tells of."""


def read_case(event_log: str, *, stream: str, at: str | None, supposing: Sequence[Hypothesis] = ()) -> Asked:
    """Fold a log up to a moment. Raises PorterError for one without any entry up to there."""
    moment = parse_moment(at, datetime.now(UTC)) if at is not None else None
    history = History()
    with (
        open_source(event_log, stream=stream) as source,
        shown_progress("replaying", records_until(source, moment), lambda: last_until(source, moment)) as read,
    ):
        refold, records = begun(source, read, moment)
        for refolded in refold.run(history.follow(records)):
            history.decided(refolded.decision, When(seq=refolded.seq, at=refolded.at))
    if refold.at is None:
        raise PorterError("there is no entry in the log up to that moment: nothing can be explained")
    if refold.seq < refold.after:
        raise too_early(refold.after)
    case = Case.of(refold.reconciler, history)
    return Asked(
        case=suppose(case, supposing) if supposing else case,
        when=When(seq=refold.seq, at=refold.at),
        supposed=tuple(hypothesis.sentence for hypothesis in supposing),
    )
