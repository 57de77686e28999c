"""Which index drives a search.

A search of a known shape drives one index that stays right whatever the values (a generic plan, kept); every other condition is written
so that no index answers it. Searches by references and chains walk the graph themselves, in steps of bounded cost: first what few
references reach, then the beginning of the order, and only then all. All other searches leave the choice to PostgreSQL, which then
plans by value (docs/adr/0004-store.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TypeVar

from maillage.fhir.ids import number
from maillage.fhir.index import HOT, QUEUES, main_date, queue
from maillage.fhir.rows import SHORT
from maillage.fhir.search.chains import is_stable, sharp
from maillage.fhir.search.commons import NOTHING, Commons
from maillage.fhir.search.criteria import (
    Criterion,
    IdIs,
    MainDate,
    Reaching,
    RefersTo,
    TokenIs,
    UpdatedAt,
)
from maillage.fhir.search.dates import Bounds
from maillage.fhir.search.numbers import AmountIs, Wanted
from maillage.fhir.search.query import SearchQuery, SortKey


class Drive(Enum):
    """The index that a statement is driven by."""

    ID = "the primary key, for given ids"
    PATIENT = "(patient, rt, d0): one patient's record"
    UNIQUE = "the tokens, for a parameter whose values are nearly unique"
    HOT = "hot (k, d0): a declared token, or a declared reference with its code, in the order of the main date"
    DATE = "(rt, d0): a range of the main date, and of longer ones those that began before it"
    AMOUNT = "amount (k, lo): one number or quantity, in the order of its values"
    CIRCLE = "(patient, rt, d0): the records given to the caller, as long as they are few"
    GIVEN = "(patient, rt, d0): the records given to the caller, one after the other"
    FEW = "the references, from what they lead to, as long as they reach few"
    WALK = "the order, from its beginning on, looking along the references of each row"
    WHOLE = "the references, from what they lead to, to their end"
    FREE = "whatever the planner finds best for these values"


NARROW = timedelta(days=32)
"""The longest window of a declared token in which every row may be looked at for further conditions."""

GLANCE = 500
"""Rows at the beginning of the order that are looked at before a list is planned for its values: where many match, they fill the page."""
WINDOW = 2_000
"""Rows that are looked at one by one in the hope of filling a page."""
_LISTS = (Drive.FEW, Drive.WHOLE)
_TRIED = 3
"""Conditions that are tried for matching few."""

_FEW = 200
_SOME = 500
_MANY = 5_000
"""Records given to the caller that may be looked into: before a text that many share, before and after what may be found by few."""
_SCATTERED = 2
"""Rows at the beginning of the order, which many searches read, that cost no more than one row that a text finds."""
_SPREAD = 2
"""How many times the rows that should fill a page may be looked at, for each further condition."""

BY_ID = (SortKey("id", False),)
NEWEST = (SortKey("date", True), SortKey("id", True))
OLDEST = (SortKey("date", False), SortKey("id", False))
WRITTEN = (SortKey("updated", False), SortKey("id", False))
LAST_WRITTEN = (SortKey("updated", True), SortKey("id", True))
BY_PATIENT = (SortKey("patient", False), SortKey("date", False), SortKey("id", False))
BY_AMOUNT = (SortKey("amount", False), SortKey("id", False))


@dataclass(frozen=True, slots=True)
class Driver:
    """An index, the criteria it answers (left out of the conditions), for `hot` the key to be read, for a walk how many rows to look at,
    for records given to the caller also how many of these."""

    drive: Drive
    answers: tuple[Criterion, ...] = ()
    key: int = 0
    rows: int = WINDOW
    records: int = 0

    @property
    def stable(self) -> bool:
        """Whether one plan is right for all values."""
        return self.drive is not Drive.FREE and (self.drive not in _LISTS or all(map(is_stable, self.answers)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What drives (the next one where the one before was not enough), the whole order, the bounds of the main date, and what drives a count
    where it is not the same."""

    drivers: tuple[Driver, ...]
    order: tuple[SortKey, ...]
    bounds: Bounds
    counted: tuple[Driver, ...] = ()

    @property
    def driver(self) -> Driver:
        """The first."""
        return self.drivers[0]

    @property
    def counting(self) -> tuple[Driver, ...]:
        """What drives a count (the next one where the one before was not enough)."""
        drivers = self.counted or self.drivers
        circle = tuple(driver for driver in drivers if driver.drive is Drive.CIRCLE)
        first = next(driver for driver in drivers if driver.drive not in {Drive.CIRCLE, Drive.WALK})
        if first.drive is Drive.AMOUNT:
            return (Driver(Drive.WHOLE, first.answers),)
        last = drivers[-1]
        return (*circle, first if first.drive is Drive.HOT else last if first.drive is Drive.FEW else Driver(Drive.FREE))

    @property
    def drive(self) -> Drive:
        """The index that the statement is driven by."""
        return self.driver.drive


def plan(query: SearchQuery, *, circled: bool = False, common: Commons = NOTHING) -> Plan:
    """The plan of a search, from its shape, from whether the caller sees such rows only in the records given to them, and from what is common."""
    drivers = (amount,) if not circled and (amount := _amount(query)) else _drivers(query)
    order = _order(query, drivers[0].drive)
    if drivers[0].drive is Drive.FREE and not circled and _indexed(order):
        drivers = (*_shared(query, common), *drivers)
    if drivers[0].drive is Drive.FEW and _indexed(order):
        glance = () if drivers[0].stable else (Driver(Drive.WALK, rows=GLANCE),)
        drivers = (*glance, *drivers[:-1], Driver(Drive.WALK), drivers[-1])
    bounds = query.bounds
    if not circled:
        return Plan(drivers, order, bounds)
    if _in_any_order(query, drivers[0], order):
        return Plan(_given(query, drivers, common), BY_PATIENT, bounds, _circled(drivers))
    return Plan(_circled(drivers), order, bounds)


def _in_any_order(query: SearchQuery, first: Driver, order: tuple[SortKey, ...]) -> bool:
    """Whether the order is neither wished nor such that a date narrows what is read."""
    right = first.drive in {Drive.ID, Drive.PATIENT, Drive.UNIQUE} or len(first.answers) > 1
    dated = query.bounds != Bounds(None, None)
    return not (query.sort or right or dated) and (order == BY_ID or first.drive is Drive.HOT)


def _given(query: SearchQuery, drivers: tuple[Driver, ...], common: Commons) -> tuple[Driver, ...]:
    """The records given to the caller in the order of the patients, as far as the page goes: who was given many reads as many as who was given
    few, whatever there is beside them. First some of the records, then what may be found by few, then many of the records."""
    some, many = Driver(Drive.GIVEN, rows=GLANCE, records=_SOME), Driver(Drive.GIVEN, rows=_MANY, records=_MANY)
    last = Driver(Drive.WHOLE, drivers[0].answers) if drivers[0].drive is Drive.HOT else drivers[-1]
    if few := [driver for driver in drivers if driver.drive is Drive.FEW]:
        stable, tried = ([driver for driver in few if driver.stable is wanted] for wanted in (True, False))
        return (*stable, some, *tried, many, last)
    if found := min((common.found(query.kind, text) for text in query.texts), default=0.0):
        if found <= GLANCE:
            return (last,)
        walked = (query.count + 1) * common.types[number(query.kind)] / found
        return (many, last) if walked < found else (Driver(Drive.GIVEN, rows=GLANCE, records=_FEW), last)
    return (some, *(Driver(Drive.FEW, (one,)) for one in [*query.texts, *query.codes][:_TRIED]), many, last)


def _circled(drivers: tuple[Driver, ...]) -> tuple[Driver, ...]:
    """The records given to the caller come before what would walk those of everyone, and after what few references reach."""
    few = next(place for place, driver in enumerate(drivers) if driver.drive is not Drive.FEW)
    following = drivers[few]
    right = following.drive in {Drive.ID, Drive.PATIENT, Drive.UNIQUE} or len(following.answers) > 1
    return drivers if right else (*drivers[:few], Driver(Drive.CIRCLE), *drivers[few:])


def _drivers(query: SearchQuery) -> tuple[Driver, ...]:
    criteria = query.criteria
    if by_id := _first(criteria, IdIs):
        return (Driver(Drive.ID, (by_id,)),)
    for criterion in criteria:
        if isinstance(criterion, RefersTo) and criterion.patient:
            return (Driver(Drive.PATIENT, (criterion,)),)
    for criterion in criteria:
        if sharp(criterion):
            return (Driver(Drive.UNIQUE, (criterion,)),)
    if _by_main_date(query) and (dated := _queue(query) or _hot(query)):
        return (dated,)
    if _dated(query):
        return (Driver(Drive.DATE),)
    return _by_reference(query)


def _amount(query: SearchQuery) -> Driver | None:
    """One number or quantity that is all that is asked for, in no wished order."""
    match query.criteria:
        case (AmountIs(wanted=(Wanted(marks=(), second=None),)),) if not query.sort:
            return Driver(Drive.AMOUNT, query.criteria)
    return None


def _shared(query: SearchQuery, common: Commons) -> tuple[Driver, ...]:
    """The beginning of the order, before all that a text finds is fetched and sorted: where so many share it that the page is filled with less.

    In a window of the main date few are left anyhow."""
    if not query.texts or query.bounds.window:
        return ()
    found = min(common.found(query.kind, text) for text in query.texts)
    if not found or found * _SCATTERED < (walked := (query.count + 1) * common.types[number(query.kind)] / found):
        return ()
    return (Driver(Drive.WALK, rows=math.ceil(walked * (_SPREAD if len(query.criteria) == 1 else _SPREAD**2))),)


def _by_reference(query: SearchQuery) -> tuple[Driver, ...]:
    """The steps of a search by references: those of stable plans before the others, then what else may match few, at last the end of one."""
    reaching = sorted((c for c in query.criteria if isinstance(c, Reaching)), key=lambda c: not c.stable)
    if not reaching:
        return (Driver(Drive.FREE),)
    few = [Driver(Drive.FEW, (criterion,)) for criterion in [*reaching, *query.texts, *query.codes][:_TRIED]]
    return (*few, Driver(Drive.FREE) if query.texts else Driver(Drive.WHOLE, (reaching[0],)))


def _indexed(order: tuple[SortKey, ...]) -> bool:
    """Whether an index of a type has this order."""
    columns = [key.column for key in order]
    return columns[-1] == "id" and columns[:-1] in ([], ["date"], ["updated"]) and len({key.descending for key in order}) == 1


def _by_main_date(query: SearchQuery) -> bool:
    """Whether the wanted order is one that the keys of `hot` have."""
    return len(query.sort) < 2 and all(key.column == "date" for key in query.sort) and main_date(query.kind) is not None


def _queue(query: SearchQuery) -> Driver | None:
    """What waits for someone: the declared reference to one resource of known type, and one value of its code."""
    reference, code = QUEUES.get(query.kind, (None, None))
    for to in query.criteria:
        if not (isinstance(to, RefersTo) and to.parameter == reference and len(to.targets) == 1 and not to.tokens):
            continue
        target = to.targets[0]
        for state in query.criteria:
            if isinstance(state, TokenIs) and state.parameter == code and _one(state) and target.kind:
                return Driver(Drive.HOT, (to, state), queue(query.kind, target.kind, target.key, state.values[0]))
    return None


def _hot(query: SearchQuery) -> Driver | None:
    """The declared token that may drive: one value with a code, and few rows to look at in vain."""
    tokens = [c for c in query.criteria if isinstance(c, TokenIs) and c.parameter in HOT.get(query.kind, ())]
    if not tokens or not _one(tokens[0]):
        return None
    others = [c for c in query.criteria if c is not tokens[0] and not isinstance(c, MainDate)]
    return None if others and not _narrow(query.bounds) else Driver(Drive.HOT, (tokens[0],), tokens[0].values[0])


def _one(criterion: TokenIs) -> bool:
    """Whether it asks for one value, with a code."""
    return len(criterion.values) == 1 and not criterion.negated and criterion.coded


def _narrow(bounds: Bounds) -> bool:
    return bounds.lower is not None and bounds.upper is not None and bounds.upper - bounds.lower <= NARROW


def _dated(query: SearchQuery) -> bool:
    """Whether the main date is held in a range, which is all that is asked or so short that few resources begin in it."""
    bounds = query.bounds
    if bounds.lower is None or bounds.upper is None:
        return False
    return bounds.upper - bounds.lower <= SHORT or all(isinstance(criterion, MainDate) for criterion in query.criteria)


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
    if drive is Drive.AMOUNT:
        return BY_AMOUNT
    if drive in {Drive.FREE, Drive.FEW} and (bounds := query.bounds).lower != bounds.upper and not bounds.window:
        return NEWEST if bounds.lower else OLDEST
    if drive in {Drive.FREE, Drive.FEW} and (updated := _first(query.criteria, UpdatedAt)):
        return WRITTEN if updated.bounds.lower else LAST_WRITTEN
    return {Drive.PATIENT: NEWEST, Drive.HOT: OLDEST, Drive.DATE: OLDEST}.get(drive, BY_ID)


Kind = TypeVar("Kind", bound=Criterion)


def _first(criteria: Sequence[Criterion], kind: type[Kind]) -> Kind | None:
    return next((criterion for criterion in criteria if isinstance(criterion, kind)), None)
