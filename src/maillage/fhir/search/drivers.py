"""What can drive a statement, and how far each goes."""

from collections.abc import Iterable
from enum import Enum
from itertools import islice

from msgspec import Struct

from maillage.fhir.search.chains import is_stable
from maillage.fhir.search.criteria import Criterion

GLANCE = 500
"""Rows at the beginning of the order that are looked at before a list is planned for its values: where many match, they fill the page."""
WINDOW = 2_000
"""Rows that are looked at one by one in the hope of filling a page."""
_TRIED = 3
"""Conditions that are tried for matching few."""


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


_LISTS = (Drive.FEW, Drive.WHOLE)
_SURE = (Drive.ID, Drive.PATIENT, Drive.UNIQUE)


class Driver(Struct, frozen=True):
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

    @property
    def sure(self) -> bool:
        """Whether it reads few rows besides those that match, whoever asks: no list of records given to them would spare more."""
        return self.drive in _SURE or len(self.answers) > 1


def tries(criteria: Iterable[Criterion]) -> tuple[Driver, ...]:
    """The first of these criteria, each as what may match few."""
    return tuple(Driver(Drive.FEW, (one,)) for one in islice(criteria, _TRIED))
