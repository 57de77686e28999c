"""The nurse's week: five visits a day, a weight that rises for one of them, a heel that heals, what she and others wrote in the notebook."""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from maillage.demo import wounds
from maillage.demo.numbers import resource_id
from maillage.demo.people import Person
from maillage.demo.professionals import Professional

Resource = dict[str, Any]

DAYS = 7
HOURS = ((6, 30), (7, 15), (8, 15), (9, 30), (15, 45))  # UTC
ACTS = ("Insuline, glycémie", "Pansement du talon", "Poids, jambes, pilulier", "Injection, tension", "Pansement, douleur")
WEIGHTS = (76.4, 76.8, 76.5, 76.9, 76.6, 76.7, 76.5, 77.1, 78.2, 78.9)
NOTES = "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote"
PROFILE = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition/cdl-document-reference"


def round_of(nurse: Professional, people: Sequence[Person], *, at: datetime) -> Iterator[Resource]:
    """The visits of a week from `at` to these people, their weights, and a note about each of the first two."""
    for day in range(DAYS):
        for rank, person in enumerate(people):
            yield _visit(
                nurse,
                person,
                at=(at + timedelta(days=day)).replace(minute=HOURS[rank][1], hour=HOURS[rank][0], second=0),
                what=ACTS[rank],
            )
    for rank, value in enumerate(WEIGHTS):
        yield _weight(nurse, people[-1], Decimal(str(value)), at=at - timedelta(days=2 * (len(WEIGHTS) - rank), hours=2))
    for person, words in zip(
        people, ("Glycémie à 1,9 g/L avant le petit déjeuner.", "Talon plus rouge ce matin, pansement refait."), strict=False
    ):
        yield _note(nurse, person, words, at=at - timedelta(hours=20))
    if len(people) > 1:
        yield from wounds.healing(nurse, people[1], at=at)


def _visit(nurse: Professional, person: Person, *, at: datetime, what: str) -> Resource:
    named = ((person.reference, person.name), (nurse.reference, nurse.name))
    return {
        "resourceType": "Appointment", "id": resource_id("Appointment", f"round-{person.id}-{at.isoformat()}"), "status": "booked", "description": what,
        "start": at.isoformat(), "end": (at + timedelta(minutes=25)).isoformat(),
        "participant": [{"actor": {"reference": one, "display": name}, "status": "accepted"} for one, name in named],
    }  # fmt: skip


def _weight(nurse: Professional, person: Person, value: Decimal, *, at: datetime) -> Resource:
    return {
        "resourceType": "Observation", "id": resource_id("Observation", f"round-{person.id}-{at.isoformat()}"), "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "Poids"}, "subject": {"reference": person.reference},
        "effectiveDateTime": at.isoformat(), "performer": [{"reference": nurse.reference, "display": nurse.name}],
        "valueQuantity": {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }  # fmt: skip


def _note(nurse: Professional, person: Person, words: str, *, at: datetime) -> Resource:
    attachment = {
        "contentType": "text/plain; charset=utf-8",
        "language": "fr",
        "data": base64.b64encode(words.encode()).decode(),
        "creation": at.isoformat(),
    }
    return {
        "resourceType": "DocumentReference", "id": resource_id("DocumentReference", f"round-{person.id}"), "meta": {"profile": [PROFILE]}, "status": "current",
        "type": {"coding": [{"system": NOTES, "code": "OBS", "display": "Note d’observation"}]}, "subject": {"reference": person.reference},
        "date": at.isoformat(), "author": [{"reference": nurse.reference, "display": nurse.name}], "content": [{"attachment": attachment}],
    }  # fmt: skip
