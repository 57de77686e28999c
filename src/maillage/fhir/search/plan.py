"""Which index drives a search.

A search of a known shape drives one index that stays right whatever the values (a generic plan, kept); every other condition is written
so that no index answers it. All other searches leave the choice to PostgreSQL, which then plans by value (docs/adr/0004-store.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import reduce
from typing import TypeVar

from maillage.fhir.index import HOT, main_date
from maillage.fhir.rows import SHORT
from maillage.fhir.search.criteria import Chained, Criterion, HasReferrer, IdIs, MainDate, RefersTo, TokenIs
from maillage.fhir.search.dates import Bounds
from maillage.fhir.search.query import SearchQuery, SortKey


class Drive(Enum):
    """The index that a statement is driven by."""

    ID = "the primary key, for given ids"
    PATIENT = "(patient, rt, d0): one patient's record"
    UNIQUE = "the tokens, for a parameter whose values are nearly unique"
    HOT = "hot (k, d0): a declared token in the order of the main date"
    DATE = "(rt, d0): one short range of the main date"
    FREE = "whatever the planner finds best for these values"


NEARLY_UNIQUE = frozenset({"identifier", "email", "phone", "telecom", "url"})
NARROW = timedelta(days=32)
"""The longest window of a declared token in which every row may be looked at for further conditions."""

BY_ID = (SortKey("id", False),)
NEWEST = (SortKey("date", True), SortKey("id", True))
OLDEST = (SortKey("date", False), SortKey("id", False))


@dataclass(frozen=True, slots=True)
class Plan:
    """The drive, the criterion it answers (left out of the conditions), the whole order, and the bounds of the main date."""

    drive: Drive
    driver: Criterion | None
    order: tuple[SortKey, ...]
    bounds: Bounds


def plan(query: SearchQuery) -> Plan:
    """The plan of a search, from its shape alone."""
    drive, driver = _drive(query)
    return Plan(drive, driver, _order(query, drive), _bounds(query.criteria))


def _drive(query: SearchQuery) -> tuple[Drive, Criterion | None]:
    criteria = query.criteria
    if by_id := _first(criteria, IdIs):
        return Drive.ID, by_id
    if any(isinstance(criterion, Chained | HasReferrer) for criterion in criteria):
        return Drive.FREE, None
    for criterion in criteria:
        if isinstance(criterion, RefersTo) and criterion.patient:
            return Drive.PATIENT, criterion
    for criterion in criteria:
        if isinstance(criterion, TokenIs) and criterion.parameter in NEARLY_UNIQUE and not criterion.negated:
            return Drive.UNIQUE, criterion
    if hot := _hot(query):
        return Drive.HOT, hot
    if _short(criteria):
        return Drive.DATE, None
    return Drive.FREE, None


def _hot(query: SearchQuery) -> TokenIs | None:
    """The declared token that may drive: one value with a code, an order that its key has, and few rows to look at in vain."""
    if len(query.sort) > 1 or any(key.column != "date" for key in query.sort) or main_date(query.kind) is None:
        return None
    tokens = [c for c in query.criteria if isinstance(c, TokenIs) and c.parameter in HOT.get(query.kind, ())]
    if not tokens or len(tokens[0].values) > 1 or tokens[0].negated or not tokens[0].coded:
        return None
    others = [c for c in query.criteria if c is not tokens[0] and not isinstance(c, MainDate)]
    return tokens[0] if not others or _narrow(_bounds(query.criteria)) else None


def _narrow(bounds: Bounds) -> bool:
    return bounds.lower is not None and bounds.upper is not None and bounds.upper - bounds.lower <= NARROW


def _short(criteria: Sequence[Criterion]) -> bool:
    """Whether some criterion holds the main date in a range so short that few resources begin in it."""
    bounds = (criterion.bounds for criterion in criteria if isinstance(criterion, MainDate))
    return any(b.lower and b.upper and b.long and b.upper - b.lower <= SHORT for b in bounds)


def _bounds(criteria: Sequence[Criterion]) -> Bounds:
    return reduce(Bounds.both, (c.bounds for c in criteria if isinstance(c, MainDate)), Bounds(None, None))


def _order(query: SearchQuery, drive: Drive) -> tuple[SortKey, ...]:
    """The wanted order made total by the id; without a wish, one that an index gives."""
    if not query.sort:
        return _natural(query, drive)
    keys = tuple(dict.fromkeys(query.sort))
    columns = [key.column for key in keys]
    if "id" in columns:
        return keys[: columns.index("id") + 1]
    return (*keys, SortKey("id", keys[-1].descending))


def _natural(query: SearchQuery, drive: Drive) -> tuple[SortKey, ...]:
    """The order of the driving index; for a date without an end, from the side where the matches are."""
    if drive is Drive.FREE and (bounds := _bounds(query.criteria)).lower != bounds.upper and not bounds.window:
        return NEWEST if bounds.lower else OLDEST
    return {Drive.PATIENT: NEWEST, Drive.HOT: OLDEST, Drive.DATE: OLDEST}.get(drive, BY_ID)


Kind = TypeVar("Kind", bound=Criterion)


def _first(criteria: Sequence[Criterion], kind: type[Kind]) -> Kind | None:
    return next((criterion for criterion in criteria if isinstance(criterion, kind)), None)
