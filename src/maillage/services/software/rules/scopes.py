"""Scopes of SMART App Launch 2.2 §3: which of those asked for are given. No wider than what was registered, nor than what the person may do."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlencode

LEVELS = ("patient", "user", "system")
LETTERS = "cruds"
WORDS = {"read": "rs", "write": "cud", "*": "cruds"}
"""Scopes of version 1, in the letters of version 2."""
SIGN_IN = frozenset({"openid", "fhirUser"})
LAUNCH = frozenset({"launch", "launch/patient"})
LASTING = frozenset({"offline_access", "online_access"})
OTHERS = SIGN_IN | LAUNCH | LASTING
OFFERED = (
    "openid", "fhirUser", "launch", "launch/patient", "online_access", "offline_access",
    "patient/*.cruds", "user/*.cruds", "system/*.cruds",
)  # fmt: skip
LONGEST = 200

_SCOPE = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]*)\.(?P<may>\*|read|write|c?r?u?d?s?)(\?(?P<query>[!-~]{1,150}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What one scope opens: `letters` among cruds of `type` ("*" for all), where all pairs of `query` hold."""

    level: str
    type: str
    letters: str
    query: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What this scope opens; None for what is no scope on records."""
        match = _SCOPE.fullmatch(text) if len(text) <= LONGEST else None
        letters = WORDS.get(match["may"], match["may"]) if match else ""
        if match is None or not letters:
            return None
        query = frozenset(parse_qsl(match["query"] or "", keep_blank_values=True))
        return (
            None if match["query"] and not query else cls(level=match["level"], type=match["type"], letters=letters, query=query)
        )

    def __str__(self) -> str:
        query = f"?{urlencode(sorted(self.query), safe=':/|,')}" if self.query else ""
        return f"{self.level}/{self.type}.{self.letters}{query}"

    def within(self, other: "Opened") -> "Opened | None":
        """What both open, None where that is nothing."""
        if self.level != other.level or (self.type != other.type and "*" not in (self.type, other.type)):
            return None
        letters = "".join(one for one in LETTERS if one in self.letters and one in other.letters)
        type = other.type if self.type == "*" else self.type
        return Opened(level=self.level, type=type, letters=letters, query=self.query | other.query) if letters else None


def granted(
    asked: Iterable[str], *, registered: Collection[str], levels: Collection[str], letters: str = LETTERS
) -> tuple[str, ...]:
    """What is given of what was asked for, in that order: of these levels, within what was registered and these letters; nothing twice."""
    bounds = [one for one in map(Opened.parse, registered) if one is not None]
    given: list[str] = []
    for text in asked:
        if text in OTHERS:
            given += [text] if text in registered and "system" not in levels else []
        elif (one := Opened.parse(text)) is not None and one.level in levels:
            may = Opened(level=one.level, type="*", letters=letters)
            both = [wide for bound in bounds if (wide := one.within(bound)) is not None]
            given += [str(kept) for wide in both if (kept := wide.within(may)) is not None]
    return tuple(dict.fromkeys(given))


def on_records(scopes: Iterable[str]) -> list[Opened]:
    """Those that open records."""
    return [one for one in map(Opened.parse, scopes) if one is not None]


def known(text: str, types: Collection[str]) -> bool:
    """Whether a scope says something here: `types` are those of FHIR R4."""
    one = Opened.parse(text)
    return text in OTHERS if one is None else one.type == "*" or one.type in types


def needs_patient(scopes: Iterable[str]) -> bool:
    """Whether an application with these is opened on one person's record (SMART App Launch 2.2 §3.1)."""
    return any(text in LAUNCH or text.startswith("patient/") for text in scopes)
