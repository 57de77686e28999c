"""Which index drives a search.

A search of a known shape drives one index that stays right whatever the values (a generic plan, kept); every other condition is written
so that no index answers it. Searches by references and chains walk the graph themselves, in steps of bounded cost: first what few
references reach, then the beginning of the order, and only then all. All other searches leave the choice to PostgreSQL, which then
plans by value (docs/adr/0004-store.md).
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from msgspec import Struct

from maillage.fhir.index import HOT, QUEUES, main_date, queue
from maillage.fhir.rows import SHORT
from maillage.fhir.search.chains import sharp
from maillage.fhir.search.commons import NOTHING, Commons
from maillage.fhir.search.criteria import Criterion, IdIs, MainDate, Reaching, RefersTo, TokenIs, UpdatedAt
from maillage.fhir.search.dates import Bounds
from maillage.fhir.search.drivers import GLANCE, Drive, Driver, tries
from maillage.fhir.search.given import in_any_order, record_by_record, records_first
from maillage.fhir.search.numbers import AmountIs, Wanted
from maillage.fhir.search.orders import BY_AMOUNT, BY_ID, BY_PATIENT, LAST_WRITTEN, NEWEST, OLDEST, WRITTEN
from maillage.fhir.search.query import SearchQuery, SortKey

NARROW = timedelta(days=32)
"""The longest window of a declared token in which every row may be looked at for further conditions."""
_SCATTERED = 2
"""Rows at the beginning of the order, which many searches read, that cost no more than one row that a text finds."""
_SPREAD = 2
"""How many times the rows that should fill a page may be looked at, for each further condition."""


class Plan(Struct, frozen=True):
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
    if not circled:
        return Plan(drivers, order, query.bounds)
    if in_any_order(query, drivers[0], order):
        return Plan(record_by_record(query, drivers, common), BY_PATIENT, query.bounds, records_first(drivers))
    return Plan(records_first(drivers), order, query.bounds)


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
    found = 0.0 if query.bounds.window else common.fewest(query.kind, query.texts)
    if not found or found * _SCATTERED < (passed := common.passed(query.kind, found, query.count + 1)):
        return ()
    return (Driver(Drive.WALK, rows=math.ceil(passed * (_SPREAD if len(query.criteria) == 1 else _SPREAD**2))),)


def _by_reference(query: SearchQuery) -> tuple[Driver, ...]:
    """The steps of a search by references: those of stable plans before the others, then what else may match few, at last the end of one."""
    reaching = sorted((c for c in query.criteria if isinstance(c, Reaching)), key=lambda c: not c.stable)
    if not reaching:
        return (Driver(Drive.FREE),)
    few = tries([*reaching, *query.texts, *query.codes])
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
    return None if others and not query.bounds.within(NARROW) else Driver(Drive.HOT, (tokens[0],), tokens[0].values[0])


def _one(criterion: TokenIs) -> bool:
    """Whether it asks for one value, with a code."""
    return len(criterion.values) == 1 and not criterion.negated and criterion.coded


def _dated(query: SearchQuery) -> bool:
    """Whether the main date is held in a range, which is all that is asked or so short that few resources begin in it."""
    only = all(isinstance(criterion, MainDate) for criterion in query.criteria)
    bounds = query.bounds
    return bounds.within(SHORT) or (bounds.window and only)


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
