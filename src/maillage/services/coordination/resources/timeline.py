"""The resources of a record → what the summary page shows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from maillage.services.documents import public as documents

Kind = Literal["care", "doc", "social", "alert", "plain"]

# Measures that a summary follows, by LOINC code: words, target low, target high (None: no target), in the unit stored.
FOLLOWED: dict[str, tuple[str, float | None, float | None]] = {
    "4548-4": ("HbA1c", 6.5, 7.5),
    "33914-3": ("DFG estimé", 45, None),
    "29463-7": ("Poids", None, None),
    "8480-6": ("Pression systolique", None, 140),
    "8867-4": ("Fréquence cardiaque", 50, 100),
    "2339-0": ("Glycémie", None, 126),
    "8310-5": ("Température", 36, 38),
    "59408-5": ("Saturation en oxygène", 94, None),
}
SPARK = 12


@dataclass(frozen=True, slots=True)
class Moment:
    """One knot of the thread: when, what, where from, and the page that shows it."""

    at: str
    kind: Kind
    title: str
    detail: str
    source: str
    href: str = ""
    came: str = ""  # when a document was received


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

    @property
    def out(self) -> bool:
        return (self.low is not None and self.value < self.low) or (self.high is not None and self.value > self.high)

    @property
    def target(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{_figure(self.low)} à {_figure(self.high)}"
        if self.low is not None:
            return f"≥ {_figure(self.low)}"
        return f"≤ {_figure(self.high)}" if self.high is not None else "–"

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


def moments(resources: Mapping[str, Sequence[dict[str, Any]]]) -> list[Moment]:
    """Documents and stays, newest first."""
    found = [_document(r) for r in resources.get("DocumentReference", []) if r["status"] == "current"]
    found += [_stay(r) for r in resources.get("Encounter", []) if {"start", "end"} & r.get("period", {}).keys()]
    return sorted(found, key=lambda m: _instant(m.at), reverse=True)


def last_received(found: Iterable[Moment]) -> list[Moment]:
    """The documents among these, the last received first."""
    return sorted((m for m in found if m.came), key=lambda m: _instant(m.came), reverse=True)


def _document(resource: dict[str, Any]) -> Moment:
    summary = documents.summary(resource)
    source = ", ".join(s for s in (summary.organisation, summary.author) if s)
    detail = summary.type_label if summary.type_label != summary.title else ""
    return Moment(summary.created, "doc", summary.title, detail, source, f"/documents/{summary.id}", summary.received)


def _stay(resource: dict[str, Any]) -> Moment:
    urgent = resource.get("class", {}).get("code") == "EMER"
    words = {"IMP": "Hospitalisation", "EMER": "Passage aux urgences", "AMB": "Consultation", "HH": "Visite à domicile"}
    title = words.get(resource.get("class", {}).get("code", ""), "Prise en charge")
    period = resource["period"]
    detail = "" if "end" in period else "en cours"
    reason = next((_text(c) for c in resource.get("reasonCode", [])), "")
    return Moment(
        at=period.get("end") or period["start"],
        kind="alert" if urgent else "care",
        title=title,
        detail=", ".join(s for s in (reason, detail) if s),
        source=resource.get("serviceProvider", {}).get("display", ""),
    )


def problems(conditions: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Active problems: words and the year they began."""
    found = []
    for condition in conditions:
        status = condition.get("clinicalStatus", {}).get("coding", [{}])[0].get("code", "active")
        if status in {"active", "recurrence", "relapse"}:
            since = condition.get("onsetDateTime") or condition.get("recordedDate") or ""
            found.append((_text(condition.get("code", {})), since[:4]))
    return list(dict.fromkeys(found))


def treatments(medications: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Treatments in force: the drug and how it is taken."""
    found = []
    for medication in medications:
        if medication.get("status") == "active":
            dosage = medication.get("dosage") or medication.get("dosageInstruction") or [{}]
            found.append((_text(medication.get("medicationCodeableConcept", {})), dosage[0].get("text", "")))
    return list(dict.fromkeys(found))


def measures(observations: Iterable[dict[str, Any]]) -> list[Measure]:
    """The followed measures that have a value, in the order of `FOLLOWED`."""
    series: dict[str, list[dict[str, Any]]] = {}
    for observation in observations:
        code = next((c.get("code") for c in observation.get("code", {}).get("coding", []) if c.get("code") in FOLLOWED), None)
        if code and "value" in observation.get("valueQuantity", {}) and "effectiveDateTime" in observation:
            series.setdefault(code, []).append(observation)
    return [_measure(code, series[code]) for code in FOLLOWED if code in series]


def _measure(code: str, found: Sequence[dict[str, Any]]) -> Measure:
    ordered = sorted(found, key=lambda o: _instant(o["effectiveDateTime"]))[-SPARK:]
    last = ordered[-1]
    name, low, high = FOLLOWED[code]
    quantity = last["valueQuantity"]
    points = tuple(float(o["valueQuantity"]["value"]) for o in ordered)
    return Measure(name, Decimal(quantity["value"]), quantity.get("unit", ""), last["effectiveDateTime"], points, low, high)


def coming(appointments: Iterable[dict[str, Any]], now: datetime) -> list[tuple[str, str]]:
    """Appointments ahead, soonest first: when and what."""
    ahead = [
        (a["start"], a.get("description") or _text((a.get("serviceType") or [{}])[0]) or "Rendez-vous")
        for a in appointments
        if a.get("status") in {"booked", "pending", "proposed"} and "start" in a and _instant(a["start"]) >= now
    ]
    return sorted(ahead, key=lambda a: _instant(a[0]))


def _text(concept: Mapping[str, Any]) -> str:
    coding = (concept.get("coding") or [{}])[0]
    return str(concept.get("text") or coding.get("display") or coding.get("code") or "")


def _instant(text: str) -> datetime:
    """A FHIR date or dateTime, complete or not, as an instant: for sorting only."""
    padded = text if "T" in text else f"{text}{'-01-01'[3 * (len(text) // 5) :] if len(text) < 10 else ''}T00:00:00+00:00"
    return datetime.fromisoformat(padded)


def _figure(value: float) -> str:
    return f"{value:g}".replace(".", ",")
