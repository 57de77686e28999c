"""Which scopes are given of those that are asked for, and what they say to people. How scopes are read and compared is `access/scopes.py`."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from maillage.access.scope_words import scope_words
from maillage.access.scopes import ANY, LETTERS, SPECIAL, Level, ResourceScope, Scopes, grantable, joined, scope_of, scopes_of
from maillage.errors import Invalid

PEOPLE = frozenset({Level.PATIENT, Level.USER})
ALONE = frozenset({Level.SYSTEM})
SIGN_IN = frozenset({"openid", "fhirUser"})
LAUNCH = frozenset({"launch", "launch/patient"})
LASTING = frozenset({"offline_access", "online_access"})
OFFERED = (*SPECIAL, *(f"{level}/*.{LETTERS}" for level in Level))
READING = "rs"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an application may do, in plain words; `writes` where it changes something."""

    words: str
    writes: bool


def fault_of(text: str) -> str:
    """What is wrong with one scope; empty where nothing is."""
    try:
        scopes_of([text])
    except Invalid as fault:
        return fault.message
    return ""


def given(
    asked: Iterable[str], registered: Iterable[str], *, levels: Collection[Level], letters: str = LETTERS
) -> tuple[str, ...]:
    """What is given of what was asked for: of these levels, within what was registered and these letters. What is no scope is passed over (RFC 6749 §3.3)."""
    known = scopes_of([text for text in asked if not fault_of(text)])
    both = grantable(known, scopes_of(registered))
    bounds = [ResourceScope(level, ANY, letters) for level in levels]
    resources = [kept for one in both.resources for bound in bounds if (kept := one.meet(bound)) is not None]
    return Scopes(joined(resources), both.special if levels is not ALONE else ()).texts


def on_records(texts: Iterable[str]) -> list[ResourceScope]:
    """Those that open records."""
    return [scope_of(text) for text in texts if text not in SPECIAL]


def needs_patient(texts: Iterable[str]) -> bool:
    """Whether an application with these is opened on one person's record (SMART App Launch 2.2 §3.1)."""
    return any(text in LAUNCH or text.startswith("patient/") for text in texts)


def lines(texts: Iterable[str]) -> list[Line]:
    """What they open, for people who read."""
    return [Line(scope_words(one, whose="de ce dossier"), not set(one.letters) <= set(READING)) for one in on_records(texts)]
