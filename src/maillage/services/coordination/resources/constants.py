"""Observation (FHIR R4 §10.1, FR Core 2.2) and Goal ↔ the constants that are followed at home: what is measured, in which unit, within which bounds."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from maillage.ui.words import number

Resource = dict[str, Any]

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
FR_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-observation-"
VITAL_SIGNS = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
THRESHOLD = {"system": "urn:maillage:goal", "code": "threshold"}
ALERT = {"system": "urn:maillage:alert", "code": "constant"}
SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
MILLIMOLES = Decimal("0.180156")  # grams of glucose in a litre for a millimole in a litre


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One thing that is measured. `codes`: LOINC, the first is written. `possible` bounds are refused beyond; `likely` ones are asked again; `usual` is the band where nobody set one; `computed` is read, and never logged."""

    key: str
    words: str
    label: str
    unit: str
    ucum: str
    codes: tuple[str, ...]
    possible: tuple[Decimal, Decimal]
    likely: tuple[Decimal, Decimal]
    usual: tuple[Decimal | None, Decimal | None] = (None, None)
    profile: str = ""
    vital: bool = True
    computed: bool = False


def _of(
    key: str, words: str, label: str, unit: str, ucum: str, codes: str, possible: str, likely: str, *, usual: str = "/", profile: str = "", vital: bool = True, computed: bool = False
) -> Measured:  # fmt: skip
    bounds = [tuple(Decimal(one) if one else None for one in text.split("/")) for text in (possible, likely, usual)]
    return Measured(
        key=key, words=words, label=label, unit=unit, ucum=ucum, codes=tuple(codes.split()), possible=bounds[0], likely=bounds[1],  # type: ignore[arg-type]
        usual=bounds[2], profile=FR_CORE + profile if profile else "", vital=vital, computed=computed,  # type: ignore[arg-type]
    )  # fmt: skip


MEASURES: Mapping[str, Measured] = {
    one.key: one
    for one in (
        _of("poids", "Poids", "Poids en kilogrammes", "kg", "kg", "29463-7 3141-9", "0.3/400", "25/200", profile="body-weight"),
        _of("tension", "Tension", "Systolique en millimètres de mercure", "mmHg", "mm[Hg]", "85354-9", "30/320", "70/230", usual="90/140", profile="bp"),
        _of("saturation", "Saturation", "Saturation en oxygène, en pour cent", "%", "%", "2708-6 59408-5", "30/100", "80/100", usual="92/", profile="saturation-oxygen"),
        _of("douleur", "Douleur", "Douleur de 0 à 10 (échelle visuelle analogique)", "/10", "{score}", "38214-3 72514-3", "0/10", "0/10", usual="/4", vital=False),
        _of("glycemie", "Glycémie", "Glycémie capillaire", "g/L", "g/L", "41653-7 14743-9 32016-8", "0.1/15", "0.4/4", usual="0.7/1.8", vital=False),
        _of("temperature", "Température", "Température en degrés Celsius", "°C", "Cel", "8310-5", "25/45", "34/41", usual="36/38", profile="body-temperature"),
        _of("pouls", "Pouls", "Battements par minute", "/min", "/min", "8867-4", "15/300", "35/180", usual="50/110", profile="heartrate"),
        _of("respiration", "Respiration", "Mouvements respiratoires par minute", "/min", "/min", "9279-1", "3/90", "8/40", usual="12/24", profile="resp-rate"),
        _of("inr", "INR", "INR", "", "{INR}", "6301-6", "0.5/20", "0.8/6", vital=False),
        _of("taille", "Taille", "Taille en centimètres", "cm", "cm", "8302-2", "20/250", "100/220", profile="body-height"),
        _of("imc", "IMC", "Indice de masse corporelle", "kg/m²", "kg/m2", "39156-5", "8/100", "12/60", profile="bmi", computed=True),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """One measure that was taken: `value` in the measure's own unit, `second` the diastolic of a pressure."""

    id: str
    version: str
    value: Decimal
    second: Decimal | None
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which values a measure of this person is wanted. `by`: the reference of who set it, empty for the usual ones."""

    low: Decimal | None
    high: Decimal | None
    by: str = ""
    since: str = ""
    id: str = ""
    version: str = ""

    def words(self, unit: str) -> str:
        """« entre 60 et 78,5 kg », « au plus 78,5 kg », « au moins 60 kg »; empty without bounds."""
        low, high = (None if one is None else number(one) for one in (self.low, self.high))
        if low and high:
            return f"entre {low} et {high} {unit}".strip()
        return f"{'au plus' if high else 'au moins'} {high or low} {unit}".strip() if high or low else ""

    def outside(self, value: Decimal) -> str:
        """« ↑ » above, « ↓ » below, empty within."""
        if self.high is not None and value > self.high:
            return "↑"
        return "↓" if self.low is not None and value < self.low else ""


def observation_for(
    measured: Measured, value: Decimal, *, patient: str, at: datetime, by: str | None, name: str = "", second: Decimal | None = None, moles: bool = False
) -> Resource:  # fmt: skip
    """The Observation of a measure; of a pressure, with its two components (the profile takes no value of its own)."""
    code = "14743-9" if moles else measured.codes[0]
    resource: Resource = {
        "resourceType": "Observation", "status": "final",
        "category": [{"coding": [VITAL_SIGNS if measured.vital else {**VITAL_SIGNS, "code": "exam"}]}],
        "code": {"coding": [{"system": LOINC, "code": code}], "text": measured.words},
        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": at.isoformat(timespec="seconds"),
    }  # fmt: skip
    if measured.profile:
        resource["meta"] = {"profile": [measured.profile]}
    if by:
        resource["performer"] = [{"reference": by, **({"display": name} if name else {})}]
    if second is not None:
        parts = ((SYSTOLIC, "Systolique", value), (DIASTOLIC, "Diastolique", second))
        return resource | {"component": [
            {"code": {"coding": [{"system": LOINC, "code": one}], "text": words}, "valueQuantity": _quantity(measured, number)} for one, words, number in parts
        ]}  # fmt: skip
    quantity = {"value": value, "unit": "mmol/L", "system": UCUM, "code": "mmol/L"} if moles else _quantity(measured, value)
    return resource | {"valueQuantity": quantity}


def _quantity(measured: Measured, value: Decimal) -> Resource:
    return {"value": value, "unit": measured.unit or measured.ucum, "system": UCUM, "code": measured.ucum}


def series(observations: Iterable[Resource]) -> dict[str, list[Taken]]:
    """What was measured, by key of `MEASURES`, oldest first: also what another software wrote. Errors, and what has no number or no instant, are left out."""
    by_code = {code: one for one in MEASURES.values() for code in one.codes}
    found: dict[str, list[Taken]] = {}
    for resource in observations:
        measured = next((by_code[c] for c in _codes(resource.get("code", {})) if c in by_code), None)
        if measured and resource.get("status") != "entered-in-error" and (taken := _taken(measured, resource)):
            found.setdefault(measured.key, []).append(taken)
    return {key: sorted(found[key], key=lambda one: one.at) for key in MEASURES if key in found}


def _taken(measured: Measured, resource: Resource) -> Taken | None:
    quantities = {
        code: part.get("valueQuantity", {}) for part in resource.get("component", []) for code in _codes(part.get("code", {}))
    }
    value = _number(measured, quantities.get(SYSTOLIC, {}) if measured.key == "tension" else resource.get("valueQuantity", {}))
    at = resource.get("effectiveDateTime") or resource.get("effectivePeriod", {}).get("end") or ""
    if value is None or "T" not in at:
        return None
    second = _number(measured, quantities.get(DIASTOLIC, {})) if measured.key == "tension" else None
    by = (resource.get("performer") or [{}])[0]
    return Taken(
        resource["id"], resource.get("meta", {}).get("versionId", ""), value, second, datetime.fromisoformat(at),
        by.get("display", ""),
    )  # fmt: skip


def _number(measured: Measured, quantity: Resource) -> Decimal | None:
    if "value" not in quantity:
        return None
    value, code = Decimal(str(quantity["value"])), quantity.get("code") or quantity.get("unit", "")
    if measured.key == "glycemie" and code == "mmol/L":
        return (value * MILLIMOLES).quantize(Decimal("0.01"))
    if measured.key == "glycemie" and code == "mg/dL":
        return value / 100
    if measured.key == "poids" and code == "g":
        return value / 1000
    return value if not code or code in {measured.ucum, measured.unit} else None


def _codes(concept: Resource) -> list[str]:
    return [str(coding.get("code", "")) for coding in concept.get("coding", []) if coding.get("system") == LOINC]


def threshold_for(
    measured: Measured, *, patient: str, low: Decimal | None, high: Decimal | None, by: str | None, at: datetime
) -> Resource:
    """The Goal that says between which values this measure of this person is wanted."""
    bounds = {name: _quantity(measured, value) for name, value in (("low", low), ("high", high)) if value is not None}
    return {
        "resourceType": "Goal", "lifecycleStatus": "active", "category": [{"coding": [THRESHOLD]}],
        "description": {"text": f"Seuils : {measured.words}"}, "subject": {"reference": f"Patient/{patient}"}, "startDate": at.date().isoformat(),
        "target": [{"measure": {"coding": [{"system": LOINC, "code": measured.codes[0]}]}, "detailRange": bounds}],
        **({"expressedBy": {"reference": by}} if by else {}),
    }  # fmt: skip


def is_threshold(goal: Resource) -> bool:
    """Whether a Goal only says bounds: one that somebody aims at may have them too, and is not written over by others."""
    return goal.get("category") == [{"coding": [THRESHOLD]}]


def bounds_of(measured: Measured, goals: Iterable[Resource]) -> Bounds:
    """The bounds that somebody set for this person (active Goals whose target is a range of this measure, the newest), else the usual ones."""
    mine = [(goal, target["detailRange"]) for goal in goals if goal.get("lifecycleStatus") in {"active", "accepted", "on-hold"}
            for target in goal.get("target", []) if "detailRange" in target and set(_codes(target.get("measure", {}))) & set(measured.codes)]  # fmt: skip
    if not mine:
        return Bounds(*measured.usual)
    goal, wanted = max(mine, key=lambda one: one[0].get("meta", {}).get("lastUpdated", ""))
    by = goal.get("expressedBy", {})
    return Bounds(
        _number(measured, wanted.get("low", {})), _number(measured, wanted.get("high", {})), by.get("reference", ""), goal.get("startDate", ""),
        goal["id"], goal.get("meta", {}).get("versionId", ""),
    )  # fmt: skip


def measured_by(goal: Resource) -> Measured | None:
    """What a Goal is measured by: the code of its target, else the first measure that the words of the target name (« Poids stable »)."""
    measures = [target.get("measure", {}) for target in goal.get("target", [])]
    codes = {code for one in measures for code in _codes(one)}
    coded = next((one for one in MEASURES.values() if codes & set(one.codes)), None)
    return coded or named_in(" ".join(str(one.get("text", "")) for one in measures))


def named_in(text: str) -> Measured | None:
    """The first measure that somebody's words name: « Pansement et glycémie »."""
    words = set(re.findall(r"\w+", text.casefold()))
    return next((one for one in MEASURES.values() if one.words.casefold() in words), None)


def range_of(observation: Resource) -> Bounds | None:
    """The limits that a measure says itself (Observation.referenceRange of no other kind than the normal one), as a device or a laboratory gives them."""
    measured = next((one for one in MEASURES.values() if set(_codes(observation.get("code", {}))) & set(one.codes)), None)
    for said in observation.get("referenceRange", []):
        kinds = {coding.get("code") for coding in said.get("type", {}).get("coding", [])}
        if measured and kinds <= {"normal"} and ("low" in said or "high" in said):
            return Bounds(_number(measured, said.get("low", {})), _number(measured, said.get("high", {})))
    return None
