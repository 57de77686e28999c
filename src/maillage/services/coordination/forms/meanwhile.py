"""Two people fill in one form: what each of them changed stands. A comparison of three texts, field by field; pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meeting:
    """How a form goes on that somebody else was faster with: what its fields hold now, and by field what is stored and what its writer wrote (None: they left it
    as they had read it) where somebody else changed it."""

    values: dict[str, str]
    changes: dict[str, tuple[str, str | None]]


def met(mine: Mapping[str, str], read: Mapping[str, str] | None, stored: Mapping[str, str]) -> Meeting:
    """A field that its writer left as they read it takes what is stored; one that nobody else changed keeps what they wrote; of one that both changed the form
    keeps theirs, beside what is stored. Where it is not known what they read, everything is theirs."""
    values, changes = dict(mine), {}
    for name, text in mine.items():
        now = stored.get(name, "")
        before = now if read is None else read.get(name, "")
        if _same(text, now) or (read is not None and _same(before, now)):
            continue
        untouched = read is not None and _same(text, before)
        changes[name] = (now, None if untouched else text)
        if untouched:
            values[name] = now
    return Meeting(values, changes)


def _same(one: str, other: str) -> bool:
    """As a browser sends it (HTML §4.10.21.4: lines end in CR LF), and without what stands around it."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
