"""What a record holds: problems, allergies, treatments, measures, stays, appointments of one person."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from maillage.demo.circles import Circle
from maillage.demo.numbers import resource_id
from maillage.demo.structures import Structure

Resource = dict[str, Any]

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ALLERGY_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
VITAL_SIGNS = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
LABORATORY = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}


@dataclass(frozen=True, slots=True)
class Problem:
    """A chronic problem: CIM-10 code, words, from what age, how frequent, and its usual treatment (ATC, words, dosage)."""

    code: str
    words: str
    age: int
    share: float
    treatment: tuple[str, str, str] | None = None


PROBLEMS = (
    Problem("I10", "Hypertension artérielle essentielle", 45, 0.42, ("C09AA05", "Ramipril 5 mg, comprimé", "1 comprimé le matin")),
    Problem("E11.9", "Diabète de type 2", 45, 0.2, ("A10BA02", "Metformine 850 mg, comprimé", "1 comprimé matin et soir, au repas")),
    Problem("I50.9", "Insuffisance cardiaque", 65, 0.16, ("C03CA01", "Furosémide 40 mg, comprimé", "1 comprimé le matin")),
    Problem("J44.9", "Bronchopneumopathie chronique obstructive", 50, 0.1, ("R03BB04", "Tiotropium 18 microgrammes, gélule à inhaler", "1 inhalation par jour")),
    Problem("N18.3", "Maladie rénale chronique, stade 3", 60, 0.12),
    Problem("I48.9", "Fibrillation auriculaire", 65, 0.14, ("B01AF02", "Apixaban 5 mg, comprimé", "1 comprimé matin et soir")),
    Problem("F32.9", "Épisode dépressif", 25, 0.1, ("N06AB10", "Escitalopram 10 mg, comprimé", "1 comprimé le matin")),
    Problem("M17.9", "Gonarthrose", 60, 0.22, ("N02BE01", "Paracétamol 1 g, comprimé", "1 comprimé si douleur, 3 par jour au plus")),
    Problem("G30.9", "Maladie d’Alzheimer", 75, 0.13),
    Problem("E78.5", "Hyperlipidémie", 50, 0.26, ("C10AA05", "Atorvastatine 20 mg, comprimé", "1 comprimé le soir")),
    Problem("J45.9", "Asthme", 5, 0.08, ("R03AC02", "Salbutamol 100 microgrammes, suspension pour inhalation", "2 bouffées en cas de gêne")),
    Problem("M81.9", "Ostéoporose", 65, 0.15, ("M05BA04", "Acide alendronique 70 mg, comprimé", "1 comprimé par semaine, à jeun")),
)  # fmt: skip
ALLERGIES = (
    ("Pénicilline", "Éruption cutanée", "medication"), ("Produit de contraste iodé", "Urticaire", "medication"),
    ("Arachide", "Œdème de la face", "food"), ("Venin d’hyménoptère", "Choc anaphylactique", "environment"),
    ("Sulfamides", "Éruption cutanée", "medication"), ("Latex", "Urticaire de contact", "environment"),
)  # fmt: skip


class Record:
    """Writes the clinical resources of one person, in an order that depends only on the seed and the rank."""

    def __init__(self, circle: Circle, *, chance: random.Random, at: datetime, hospitals: list[Structure]) -> None:
        self._circle = circle
        self._person = circle.person
        self._chance = chance
        self._at = at
        self._hospitals = hospitals
        self._age = circle.person.age(at.date())
        self._counts: dict[str, int] = {}

    def resources(self) -> Iterator[Resource]:
        problems = [p for p in PROBLEMS if self._age >= p.age and self._chance.random() < p.share]
        if self._person.key == "patient":
            problems = [PROBLEMS[1], PROBLEMS[0]]
        for problem in problems:
            yield self._condition(problem)
            if problem.treatment:
                yield self._treatment(problem)
        yield from self._allergies()
        yield from self._measures({problem.code for problem in problems})
        yield from self._encounters()
        yield from self._appointments()

    def _about(self, kind: str, subject: str = "subject") -> Resource:
        rank = self._counts[kind] = self._counts.get(kind, 0) + 1
        return {
            "resourceType": kind,
            "id": resource_id(kind, f"{self._person.id}-{rank}"),
            subject: {"reference": self._person.reference},
        }

    def _past(self, days: int) -> datetime:
        return (self._at - timedelta(days=self._chance.randrange(1, days), minutes=self._chance.randrange(600))).replace(second=0)

    def _condition(self, problem: Problem) -> Resource:
        return self._about("Condition") | {
            "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
            "code": {"coding": [{"system": ICD10, "code": problem.code}], "text": problem.words},
            "onsetDateTime": self._past(4000).date().isoformat(),
            "recordedDate": self._past(900).date().isoformat(),
            **self._by("asserter"),
        }

    def _treatment(self, problem: Problem) -> Resource:
        code, words, dosage = problem.treatment or ("", "", "")
        return self._about("MedicationRequest") | {
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {"coding": [{"system": ATC, "code": code}], "text": words},
            "authoredOn": self._past(300).date().isoformat(),
            "dosageInstruction": [{"text": dosage}],
            **self._by("requester"),
        }

    def _allergies(self) -> Iterator[Resource]:
        draw = self._chance.random()
        if self._person.key == "patient":
            draw = 0.0
        if draw > 0.45:
            return
        base = self._about("AllergyIntolerance", "patient") | {
            "clinicalStatus": {"coding": [{"system": ALLERGY_CLINICAL, "code": "active"}]},
            "verificationStatus": {"coding": [{"system": ALLERGY_VERIFICATION, "code": "confirmed"}]},
            "recordedDate": self._past(1500).date().isoformat(),
        }
        if draw > 0.22:
            snomed = {"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}
            yield base | {"code": {"coding": [snomed], "text": "Aucune allergie connue"}}
            return
        substance, reaction, category = ALLERGIES[0] if self._person.key == "patient" else self._chance.choice(ALLERGIES)
        yield base | {
            "category": [category],
            "criticality": "high" if "Choc" in reaction or "Œdème" in reaction else "low",
            "code": {"text": substance},
            "reaction": [{"manifestation": [{"text": reaction}]}],
        }

    def _measures(self, problems: set[str]) -> Iterator[Resource]:
        weight = self._chance.uniform(48, 98) if self._age > 15 else self._chance.uniform(10, 50)
        for rank in range(6 if self._person.key == "patient" else self._chance.randrange(1, 4)):
            when = self._at - timedelta(days=7 + 60 * rank, hours=self._chance.randrange(10))
            yield self._quantity(
                "29463-7", "Poids", Decimal(f"{weight + self._chance.uniform(-2, 2):.1f}"), "kg", VITAL_SIGNS, when
            )
            if self._age > 18:
                yield self._blood_pressure(when, high="I10" in problems)
        if "E11.9" in problems:
            yield from self._glycated_haemoglobin()
        if self._age > 60:
            value = Decimal(self._chance.randrange(55, 160))
            yield self._quantity("14682-9", "Créatinine", value, "umol/L", LABORATORY, self._past(200))

    def _glycated_haemoglobin(self) -> Iterator[Resource]:
        """Every three months; the official patient's rises, so that there is something to see."""
        rising = (8.6, 8.1, 7.8, 7.4, 7.3, 7.1)
        for rank in range(len(rising) if self._person.key == "patient" else 3):
            value = rising[rank] if self._person.key == "patient" else self._chance.uniform(6.2, 9.4)
            when = self._at - timedelta(days=20 + 95 * rank)
            yield self._quantity("4548-4", "HbA1c", Decimal(f"{value:.1f}"), "%", LABORATORY, when)

    def _quantity(self, code: str, words: str, value: Decimal, unit: str, category: Resource, when: datetime) -> Resource:
        quantity = {"value": value, "unit": unit.replace("umol", "µmol"), "system": UCUM, "code": unit}
        return self._observation(code, words, category, when) | {"valueQuantity": quantity}

    def _blood_pressure(self, when: datetime, *, high: bool) -> Resource:
        systolic = self._chance.randrange(128, 172) if high else self._chance.randrange(104, 142)
        parts = (("8480-6", "Systolique", systolic), ("8462-4", "Diastolique", systolic - self._chance.randrange(45, 65)))
        return self._observation("85354-9", "Pression artérielle", VITAL_SIGNS, when) | {
            "component": [
                {
                    "code": {"coding": [{"system": LOINC, "code": code}], "text": words},
                    "valueQuantity": {"value": Decimal(value), "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
                }
                for code, words, value in parts
            ]
        }

    def _observation(self, code: str, words: str, category: Resource, when: datetime) -> Resource:
        return self._about("Observation") | {
            "status": "final",
            "category": [{"coding": [category]}],
            "code": {"coding": [{"system": LOINC, "code": code}], "text": words},
            "effectiveDateTime": _instant(when),
        }

    def _encounters(self) -> Iterator[Resource]:
        for _ in range(self._chance.randrange(1, 4)):
            start = self._past(700).replace(hour=self._chance.randrange(8, 18), minute=self._chance.choice((0, 15, 30, 45)))
            yield self._encounter(
                "AMB", start, start + timedelta(minutes=20), self._circle.gp.structure if self._circle.gp else None
            )
        if self._age > 60 and self._chance.random() < 0.35:
            start = self._past(500)
            hospital = self._chance.choice(self._hospitals)
            yield self._encounter("IMP", start, min(start + timedelta(days=self._chance.randrange(2, 12)), self._at), hospital)

    def _encounter(self, code: str, start: datetime, end: datetime, where: Structure | None) -> Resource:
        encounter = self._about("Encounter") | {
            "status": "finished",
            "class": {"system": ACT_CODES, "code": code},
            "period": {"start": _instant(start), "end": _instant(end)},
        }
        return encounter | ({"serviceProvider": {"reference": where.reference, "display": where.name}} if where else {})

    def _appointments(self) -> Iterator[Resource]:
        for days in (-self._chance.randrange(5, 200), self._chance.randrange(1, 60)):
            if self._circle.gp and self._chance.random() < 0.55:
                yield self._appointment(days, self._circle.gp.reference, self._circle.gp.name, "Consultation de suivi")
        if self._circle.specialist and self._chance.random() < 0.5:
            specialist = self._circle.specialist
            yield self._appointment(self._chance.randrange(3, 90), specialist.reference, specialist.name, specialist.title)

    def _appointment(self, days: int, reference: str, name: str, words: str) -> Resource:
        hour, minute = self._chance.randrange(8, 18), self._chance.choice((0, 20, 40))
        start = (self._at + timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0)
        past = "noshow" if self._chance.random() < 0.06 else "fulfilled"
        resource = self._about("Appointment")
        del resource["subject"]
        return resource | {
            "status": past if days < 0 else "booked",
            "description": words,
            "start": _instant(start),
            "end": _instant(start + timedelta(minutes=20)),
            "participant": [
                {"actor": {"reference": self._person.reference, "display": self._person.name}, "status": "accepted"},
                {"actor": {"reference": reference, "display": name}, "status": "accepted"},
            ],
        }

    def _by(self, role: str) -> Resource:
        gp = self._circle.gp
        return {role: {"reference": gp.reference, "display": gp.name}} if gp else {}


def _instant(at: datetime) -> str:
    return at.replace(microsecond=0).isoformat()
