"""Sentences with other names in them: known names are exchanged, Porter's own words stay, all else becomes `word1`."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final

import msgspec

from porter.events.redaction.addresses import LITERAL
from porter.events.redaction.fields import Kind
from porter.events.redaction.names import IN_TEXTS, Table
from porter.events.redaction.words import phrases, words
from porter.model.reasons import Reason, Verdict

MAC: Final = r"(?<![\w:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:])"
_TOKEN: Final = r"\w(?:[\w.@+-]*\w)?"  # noqa: S105 - a pattern
_WRITTEN: Final = r"'[^']*'(?= in spec\.address )|(?<=spec\.address )'[^']*'|(?<=wanted address )\S+"
"""What a user wrote as an address, where a sentence repeats it: it may be anything."""
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?(?:s|ms|min|h)?")
_ADDRESSES: Final = frozenset({Kind.ADDRESS, Kind.RANGE})
_LABELS: Final = frozenset({Kind.LABEL, Kind.LABEL_VALUE})
_SAID_BEFORE: Final[Mapping[str, Kind]] = {
    "Eip": Kind.EIP,
    "node": Kind.NODE,
    "NIC": Kind.NIC,
    "interface": Kind.NIC,
    "namespace": Kind.NAMESPACE,
    "protocol": Kind.PROTOCOL,
    "Service": Kind.SERVICE,
}
"""The word before a name that says what it names."""
_MEANT: Final[Mapping[Reason, Kind]] = {
    Reason.FIRST_FREE: Kind.EIP,
    Reason.WANTED_ADDRESS: Kind.EIP,
    Reason.NO_POOL: Kind.EIP,
    Reason.POOL_UNKNOWN: Kind.EIP,
    Reason.POOL_NOT_READY: Kind.EIP,
    Reason.POOL_DISABLED: Kind.EIP,
    Reason.POOL_EXHAUSTED: Kind.EIP,
    Reason.NAMESPACE_NOT_BOUND: Kind.EIP,
    Reason.POOL_OVERLAPS: Kind.EIP,
    Reason.POOL_INVALID: Kind.RANGE,
    Reason.ADDRESS_INVALID: Kind.ADDRESS,
    Reason.PROTOCOL_MISMATCH: Kind.PROTOCOL,
    Reason.PROTOCOL_UNKNOWN: Kind.PROTOCOL,
    Reason.PROTOCOL_STUB: Kind.PROTOCOL,
    Reason.NOT_OURS: Kind.CLASS,
    Reason.FOLLOWED: Kind.NODE,
    Reason.ELECTED: Kind.NODE,
    Reason.PLACED: Kind.NODE,
    Reason.MOVED: Kind.NODE,
    Reason.NO_ELIGIBLE_NODE: Kind.NODE,
    Reason.NO_NODE_CAN_ANNOUNCE: Kind.NODE,
    Reason.NIC_MISSING: Kind.NIC,
    Reason.NIC_DOWN: Kind.NIC,
    Reason.NIC_NO_CARRIER: Kind.NIC,
}
"""What a name in the particulars of a reason names, where several things have it."""


def meant_in(holder: msgspec.Struct) -> Kind | None:
    """Return what an ambiguous name in a value's free text most likely names."""
    return _MEANT.get(holder.reason) if isinstance(holder, Verdict) else None


class Texts:
    """Rewrites the free texts of one log, always in the same way."""

    def __init__(self, table: Table, address: Callable[[str], str | None], kept: Iterable[str]) -> None:
        """Take what stands for names, for an address or a MAC (None where the text is none), and names that stay."""
        self._table = table
        self._address = address
        self._kept = frozenset(kept)
        self._unknown: dict[str, str] = {}
        self._rewritten: dict[tuple[str, Kind | None], str] = {}
        odd = {name for kind in IN_TEXTS for name in table.get(kind, {}) if not re.fullmatch(_TOKEN, name)}
        names = "|".join(re.escape(name) for name in sorted(odd, key=lambda name: (-len(name), name)))
        written = f"(?P<written>{_WRITTEN})"
        literals = f"(?P<literal>{MAC}|{LITERAL.pattern})"
        tokens = f"(?P<token>{_TOKEN}(?:/{_TOKEN})*)"
        self._pattern = re.compile("|".join([*([f"(?P<odd>{names})"] if names else []), written, literals, tokens]))

    def rewritten(self, text: str, meant: Kind | None = None) -> str:
        """Return the text with other names. `meant` is what an ambiguous one names.

        Of what was written as an address no word is kept: it is a user's, and may be anything.
        """
        found = self._rewritten.get((text, meant))
        if found is None:
            found = "".join(self._pieces(text, meant, ours=meant is not Kind.ADDRESS))
            self._rewritten[text, meant] = found
        return found

    def unknown(self, word: str) -> str:
        """Return what stands for a word that nobody knows; the same for the same word."""
        return self._unknown.setdefault(word, f"word{len(self._unknown) + 1}")

    def _pieces(self, text: str, meant: Kind | None, *, ours: bool) -> Iterable[str]:
        end = 0
        before = ""
        while match := self._pattern.search(text, end):
            yield text[end : match.start()]  # marks and spaces
            if match.lastgroup == "written":
                yield self.rewritten(match[0], Kind.ADDRESS)
                end = match.end()
                continue
            phrase = _phrase_at(text, match.start()) if ours else ""
            end = match.start() + len(phrase) if phrase else match.end()
            other = self._address(match[0]) if match.lastgroup == "literal" and not phrase else phrase or None
            yield other or self._word(match[0], _SAID_BEFORE.get(before, meant), ours=ours)
            before = text[:end].rpartition(" ")[2]
        yield text[end:]

    def _word(self, word: str, meant: Kind | None, *, ours: bool) -> str:
        if word in self._kept or _NUMBER.fullmatch(word):
            return word
        known = ours and word.lower() in words()
        kinds: Iterable[Kind] = () if meant in _ADDRESSES else (meant, *IN_TEXTS) if meant is not None else IN_TEXTS
        for kind in kinds:
            other = self._table.get(kind, {}).get(word)
            if other is not None and not (known and kind in _LABELS):
                return other
        if known:
            return word
        if "/" in word:
            namespace, _, name = word.partition("/")
            return f"{self._word(namespace, Kind.NAMESPACE, ours=ours)}/{self._word(name, Kind.SERVICE, ours=ours)}"
        return self.unknown(word)


def _phrase_at(text: str, start: int) -> str:
    """Return the longest piece of a sentence of Porter's that begins there."""
    word = re.compile(r"\w+").match(text, start)
    for phrase in _phrases_by_word().get(word[0], ()) if word is not None else ():
        end = start + len(phrase)
        if text.startswith(phrase, start) and not (phrase[-1].isalnum() and text[end : end + 1].isalnum()):
            return phrase
    return ""


@cache
def _phrases_by_word() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for phrase in phrases():  # the longest first
        found.setdefault(re.split(r"\W", phrase, maxsplit=1)[0], []).append(phrase)
    return found
