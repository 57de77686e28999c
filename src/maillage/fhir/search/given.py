"""The steps of a search by somebody who sees such rows only in the records given to them (`Scope.circle`, docs/adr/0004-store.md)."""

from maillage.fhir.search.commons import Commons
from maillage.fhir.search.dates import Bounds
from maillage.fhir.search.drivers import GLANCE, Drive, Driver, tries
from maillage.fhir.search.orders import BY_ID
from maillage.fhir.search.query import SearchQuery, SortKey

RECORDS_AT_FIRST = 500
"""Records looked into before what may be found by few: an answer for most, at a cost that everyone can bear."""
RECORDS_AT_MOST = 5_000
"""Records, and rows in them, looked into before what is asked for is read to its end."""
RECORDS_BEFORE_A_TEXT = 200
"""Records looked into before a text that finds fewer rows than would be passed: who was given few has no more."""


def in_any_order(query: SearchQuery, first: Driver, order: tuple[SortKey, ...]) -> bool:
    """Whether the order is neither wished nor such that a date narrows what is read."""
    dated = query.bounds != Bounds(None, None)
    return not (query.sort or first.sure or dated) and (order == BY_ID or first.drive is Drive.HOT)


def record_by_record(query: SearchQuery, drivers: tuple[Driver, ...], common: Commons) -> tuple[Driver, ...]:
    """The records given to the caller in the order of the patients, as far as the page goes: who was given many reads as many as who was given
    few, whatever there is beside them. First some of the records, then what may be found by few, then many of the records."""
    some, many = _records(RECORDS_AT_FIRST, GLANCE), _records(RECORDS_AT_MOST, RECORDS_AT_MOST)
    last = Driver(Drive.WHOLE, drivers[0].answers) if drivers[0].drive is Drive.HOT else drivers[-1]
    if few := [driver for driver in drivers if driver.drive is Drive.FEW]:
        stable, tried = ([driver for driver in few if driver.stable is wanted] for wanted in (True, False))
        return (*stable, some, *tried, many, last)
    if found := common.fewest(query.kind, query.texts):
        if found <= GLANCE:
            return (last,)
        passed = common.passed(query.kind, found, query.count + 1)
        return (many if passed < found else _records(RECORDS_BEFORE_A_TEXT, GLANCE), last)
    return (some, *tries([*query.texts, *query.codes]), many, last)


def records_first(drivers: tuple[Driver, ...]) -> tuple[Driver, ...]:
    """The records given to the caller come before what would walk those of everyone, and after what few references reach."""
    few = next(place for place, driver in enumerate(drivers) if driver.drive is not Drive.FEW)
    return drivers if drivers[few].sure else (*drivers[:few], Driver(Drive.CIRCLE), *drivers[few:])


def _records(records: int, rows: int) -> Driver:
    return Driver(Drive.GIVEN, rows=rows, records=records)
