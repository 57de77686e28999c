"""What many resources have in common, as the statistics of the database tell: for texts that thousands share, other indexes drive.

It decides how a page is looked for, never what is found. What it does not know is taken to be rare.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from maillage.db import Connection, load_queries, remembered
from maillage.fhir.ids import number
from maillage.fhir.rows import label
from maillage.fhir.search.texts import StringStarts, Text

QUERIES = load_queries("maillage.fhir.search")
KEPT = 300.0
"""Seconds for which a process believes what it read."""


@dataclass(frozen=True, slots=True)
class Commons:
    """How many rows each type has, and how many rows each of the most common texts (as in `res.str`, in order)."""

    types: Mapping[int, float]
    texts: tuple[str, ...] = ()
    rows: tuple[float, ...] = ()

    def found(self, kind: str, criterion: Text) -> float:
        """About how many rows of a type a text finds; 0 where it is none of the most common."""
        wanted = (f"{label(kind, criterion.parameter)}{text}" for text in criterion.texts)
        many = sum(sum(self._begun(text) if isinstance(criterion, StringStarts) else self._equal(text)) for text in wanted)
        return min(many, self.types.get(number(kind), 0.0))

    def fewest(self, kind: str, texts: Sequence[Text]) -> float:
        """About how many rows the rarest of the texts finds; 0 where one is none of the most common, or there is none."""
        return min((self.found(kind, text) for text in texts), default=0.0)

    def passed(self, kind: str, found: float, wanted: int) -> float:
        """About how many rows of a type a walk passes until it has met so many of those found."""
        return wanted * self.types[number(kind)] / found

    def _begun(self, text: str) -> Iterable[float]:
        first = bisect_left(self.texts, text)
        same = takewhile(lambda place: self.texts[place].startswith(text), range(first, len(self.texts)))
        return (self.rows[place] for place in same)

    def _equal(self, text: str) -> Iterable[float]:
        return (self.rows[place] for place in range(*self._place(text)))

    def _place(self, text: str) -> tuple[int, int]:
        first = bisect_left(self.texts, text)
        return first, first + (first < len(self.texts) and self.texts[first] == text)


NOTHING = Commons({})


async def commons(conn: Connection, texts: Sequence[Text]) -> Commons:
    """What is common in this database; nothing where no text is asked for."""
    return await remembered(conn, _learnt, seconds=KEPT) if texts else NOTHING


async def _learnt(conn: Connection) -> Commons:
    statistics: list[dict[str, Any]] = await QUERIES.commons(conn)
    known = {row["attribute"]: row for row in statistics if row["values"]}
    types = {int(rt): share * known["rt"]["rows"] for rt, share in _shares(known.get("rt"))}
    texts = sorted(
        (text, share * known["str"]["rows"] * (1 - known["str"]["without"])) for text, share in _shares(known.get("str"))
    )
    return Commons(types, tuple(text for text, _ in texts), tuple(rows for _, rows in texts))


def _shares(row: dict[str, Any] | None) -> Iterable[tuple[str, float]]:
    """The values with their shares; behind those of elements stand the least and the greatest of them."""
    return zip(row["values"], row["shares"], strict=False) if row else ()
