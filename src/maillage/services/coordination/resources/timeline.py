"""The resources of a record → what the summary shows at a glance: problems, treatments, measures, alerts, what is ahead. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from maillage.services.coordination.resources import constants, telling
from maillage.ui.words import number

# Measures that a summary follows, by LOINC code: words, target low, target high (None: no target), in the unit stored. What is measured at home has
# the usual band of `constants.MEASURES`, as on the page of its curve.
FOLLOWED: dict[str, tuple[str, float | None, float | None]] = {
    "4548-4": ("HbA1c", 6.5, 7.5),
    "33914-3": ("DFG estimé", 45, None),
    "29463-7": ("Poids", None, None),
    "8480-6": ("Pression systolique", None, 140),
    "85354-9": ("Pression artérielle", None, None),
    "8867-4": ("Fréquence cardiaque", None, None),
    "41653-7": ("Glycémie capillaire", None, None),
    "2339-0": ("Glycémie", None, 126),
    "8310-5": ("Température", None, None),
    "2708-6": ("Saturation en oxygène", None, None),
}
SAME = {"59408-5": "2708-6"}
"""Codes of one measure in one unit (saturation by the pulse, and arterial)."""
SPARK = 12
SYSTOLIC = "8480-6"
"""By which a pressure of two components is drawn and judged."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line at a glance: its words, what goes with them (since when, how it is taken), its reference and id."""

    words: str
    detail: str
    reference: str

    @property
    def id(self) -> str:
        return self.reference.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Measure:
    """One followed measure: its last value, the points before it oldest first, its target."""

    name: str
    value: Decimal
    unit: str
    at: str
    points: tuple[float, ...]
    low: float | None
    high: float | None
    pair: str = ""  # « 136/78 », of a pressure

    @property
    def out(self) -> bool:
        return (self.low is not None and self.value < self.low) or (self.high is not None and self.value > self.high)

    @property
    def target(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{number(self.low)} à {number(self.high)}"
        if self.low is not None:
            return f"≥ {number(self.low)}"
        return f"≤ {number(self.high)}" if self.high is not None else "–"

    @property
    def trend(self) -> str:
        """↑, ↓, → against the value before."""
        if len(self.points) < 2 or self.points[-1] == self.points[-2]:
            return "→"
        return "↑" if self.points[-1] > self.points[-2] else "↓"

    @property
    def words(self) -> str:
        """The sentence for those who do not see the drawing."""
        way = {"↑": "En hausse", "↓": "En baisse", "→": "Stable"}[self.trend]
        return f"{way}, hors de la cible" if self.out else f"{way}, dans la cible" if self.target != "–" else way


def problems(conditions: Iterable[dict[str, Any]]) -> list[Item]:
    """Active problems: words and the year they began."""
    found = []
    for condition in conditions:
        if telling.code(condition.get("verificationStatus")) in ("entered-in-error", "refuted"):
            continue
        if (telling.code(condition.get("clinicalStatus")) or "active") in {"active", "recurrence", "relapse"}:
            since = condition.get("onsetDateTime") or condition.get("recordedDate") or ""
            found.append(Item(telling.text(condition.get("code")), since[:4], f"Condition/{condition['id']}"))
    return _each_once(found)


def treatments(medications: Iterable[dict[str, Any]]) -> list[Item]:
    """Treatments in force: the drug and how it is taken."""
    return _each_once(
        Item(telling.drug(one), telling.dose(one), f"{one['resourceType']}/{one['id']}")
        for one in medications
        if one.get("status") == "active"
    )


def own_words(goals: Iterable[dict[str, Any]]) -> str:
    """What counts for the person, in their own words, else a goal that is theirs; empty where nobody wrote it down."""
    over = {"completed", "cancelled", "rejected", "entered-in-error"}
    theirs = [one for one in goals if one.get("lifecycleStatus") not in over]
    said = [one for one in theirs if "own-words" in telling.codes(one.get("category", []), "urn:maillage:goal")]
    said += [one for one in theirs if str(one.get("expressedBy", {}).get("reference", "")).startswith("Patient/")]
    return next((words for one in said if (words := telling.text(one.get("description")))), "")


def _each_once(items: Iterable[Item]) -> list[Item]:
    found: dict[tuple[str, str], Item] = {}
    for item in items:
        found.setdefault((item.words, item.detail), item)
    return list(found.values())


def measures(observations: Iterable[dict[str, Any]], goals: Sequence[dict[str, Any]] = ()) -> list[Measure]:
    """The followed measures that have a value, in the order of `FOLLOWED`; what somebody wants for this person goes before the usual target."""
    series: dict[str, list[dict[str, Any]]] = {}
    for observation in observations:
        codes = [SAME.get(c.get("code"), c.get("code")) for c in observation.get("code", {}).get("coding", [])]
        code = next((one for one in codes if one in FOLLOWED), None)
        if (
            code
            and _quantity(observation)
            and "effectiveDateTime" in observation
            and observation.get("status") != "entered-in-error"
        ):
            series.setdefault(code, []).append(observation)
    return [_measure(code, series[code], goals) for code in FOLLOWED if code in series]


def _measure(code: str, found: Sequence[dict[str, Any]], goals: Sequence[dict[str, Any]]) -> Measure:
    ordered = sorted(found, key=lambda o: _instant(o["effectiveDateTime"]))[-SPARK:]
    last = ordered[-1]
    name, low, high = FOLLOWED[code]
    quantity = _quantity(last)
    measured = next((one for one in constants.MEASURES.values() if code in one.codes), None)
    if measured and quantity.get("unit") in (measured.unit, measured.ucum):
        wanted = constants.bounds_of(measured, goals)
        low, high = (one if one is None else float(one) if one % 1 else int(one) for one in (wanted.low, wanted.high))
    points = tuple(float(_quantity(o)["value"]) for o in ordered)
    pair = telling.value(last).partition(" ")[0] if last.get("component") else ""
    return Measure(name, Decimal(quantity["value"]), quantity.get("unit", ""), last["effectiveDateTime"], points, low, high, pair)


def _quantity(observation: Mapping[str, Any]) -> dict[str, Any]:
    """The quantity of a measure: its own, or that of the systolic pressure; empty where it has none with a value."""
    parts = [
        one
        for one in observation.get("component", [])
        if any(c.get("code") == SYSTOLIC for c in one.get("code", {}).get("coding", []))
    ]
    found: dict[str, Any] = observation.get("valueQuantity") or next((one.get("valueQuantity", {}) for one in parts), {})
    return found if "value" in found else {}


@dataclass(frozen=True, slots=True)
class Ahead:
    """Something that is planned: FHIR text of its first time, what, how many times after that one."""

    at: str
    words: str
    more: int


def coming(appointments: Iterable[dict[str, Any]], now: datetime) -> list[Ahead]:
    """Appointments ahead, soonest first; what comes back (the same words) is said once."""
    times: dict[str, list[str]] = {}
    for one in appointments:
        if one.get("status") in {"booked", "pending", "proposed"} and "start" in one and _instant(one["start"]) >= now:
            times.setdefault(telling.appointment_words(one), []).append(one["start"])
    ahead = [Ahead(min(starts, key=_instant), words, len(starts) - 1) for words, starts in times.items()]
    return sorted(ahead, key=lambda one: _instant(one.at))


def _instant(text: str) -> datetime:
    """A FHIR date or dateTime, complete or not, as an instant: for sorting only."""
    padded = text if "T" in text else f"{text}{'-01-01'[3 * (len(text) // 5) :] if len(text) < 10 else ''}T00:00:00+00:00"
    return datetime.fromisoformat(padded)
