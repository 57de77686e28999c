"""The body mass index (LOINC 39156-5) that follows from a weight and a height: computed when it is read, never written."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from maillage.clock import in_paris
from maillage.services.coordination.resources.constants import MEASURES, Taken
from maillage.ui.words import care_date, number

KEY = "imc"
ADULT = 18
APART, APART_GROWING = timedelta(days=3653), timedelta(days=183)
"""How far a height may be from a weight, of an adult and of somebody who grows."""


def computed(weights: Sequence[Taken], heights: Sequence[Taken], *, born: str) -> list[Taken]:
    """One for each weight, oldest first, with the last height before it, else the first after; none where there is no height near enough, or that cannot be."""
    low, high = MEASURES[KEY].possible
    found = []
    for weight in weights:
        height = _height(weight, heights, born)
        if height is None or height.value <= 0:
            continue
        index = (weight.value / (height.value / 100) ** 2).quantize(Decimal("0.1"))
        if low <= index <= high:
            by = f"Calculé : {number(weight.value)} kg et {number(height.value)} cm le {care_date(height.at)}"
            found.append(Taken(id="", version="", value=index, second=None, at=weight.at, by=by))
    return found


def with_computed(known: Sequence[Taken], mine: Sequence[Taken]) -> list[Taken]:
    """What was measured, and what is computed of the days of which nobody says it, oldest first."""
    days = {in_paris(one.at).date() for one in known}
    return sorted([*known, *(one for one in mine if in_paris(one.at).date() not in days)], key=lambda one: one.at)


def _height(weight: Taken, heights: Sequence[Taken], born: str) -> Taken | None:
    before = [one for one in heights if one.at <= weight.at]
    found = before[-1] if before else next(iter(heights), None)
    apart = APART_GROWING if _grows(weight, born) else APART
    return found if found and abs(found.at - weight.at) <= apart else None


def _grows(weight: Taken, born: str) -> bool:
    """Whether somebody was under eighteen, or may have been."""
    try:
        birth = date.fromisoformat(born)
    except ValueError:
        return True
    day = weight.at.date()
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day)) < ADULT
