"""Situations worth looking at: letters and what they caused, returns home, late tasks, identities that wait for a steward."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from maillage.demo import letters
from maillage.demo.circles import Circle
from maillage.demo.letters import Drug, Letter, Section
from maillage.demo.numbers import matricule, resource_id
from maillage.demo.people import Person
from maillage.demo.personas import DAC
from maillage.demo.professionals import Professional
from maillage.services.identity.public import Identifier, IdentityClaim, Ins, Reason, Traits, patient_for

Resource = dict[str, Any]

THICK = 200
LETTERED = 60
INBOX = 7
BY_GP = (letters.SUMMARY, letters.PRESCRIPTION)
LATE = 2
RETURNS = 6


@dataclass(frozen=True, slots=True)
class Waiting:
    """An identity that waits for a steward: its Patient, why, whom to compare it with, where it came from, since when."""

    patient: Resource
    reason: Reason
    near: tuple[str, ...]
    origin: str
    opened: datetime


def discharge(circle: Circle, author: Professional, at: datetime, key: str) -> Letter:
    """A level 3 discharge letter of a stay that ended at that time."""
    sections = (
        Section(
            "42349-1", "Motif de l’hospitalisation", ("Décompensation cardiaque à domicile, adressée par le médecin traitant.",)
        ),
        Section(
            "42545-4",
            "Synthèse médicale du séjour",
            (
                "Évolution favorable sous diurétiques intraveineux relayés par voie orale.",
                "Poids de sortie 71,4 kg. Créatinine stable.",
            ),
        ),
        Section(
            "10183-2",
            "Traitements à la sortie",
            ("Furosémide 40 mg : 2 comprimés le matin (augmenté).", "Ramipril 5 mg : 1 comprimé le matin (inchangé)."),
            (Drug("Furosémide 40 mg, comprimé", "C03CA01", 2, 24), Drug("Ramipril 5 mg, comprimé", "C09AA05", 1, 24)),
        ),
        Section(
            "18610-6",
            "Traitements arrêtés pendant le séjour",
            ("Metformine 850 mg : arrêtée, la clairance de la créatinine a baissé.",),
            (Drug("Metformine 850 mg, comprimé", "A10BA02"),),
        ),
        Section(
            "18776-5", "Suite à donner", ("Appel à 48 heures, pesée quotidienne, consultation du médecin traitant sous 7 jours.",)
        ),
    )
    return Letter(key, letters.DISCHARGE, circle.person, author, at, sections=sections, started=at - timedelta(days=5))


def stay(letter: Letter) -> Resource:
    """The stay that a discharge letter ends."""
    place = letter.author.structure
    return {
        "resourceType": "Encounter",
        "id": resource_id("Encounter", f"stay-{letter.key}"),
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": letter.person.reference},
        "period": {"start": (letter.started or letter.at).isoformat(), "end": letter.at.isoformat()},
        "serviceProvider": {"reference": place.reference, "display": place.name},
    }


def usual_letters(
    circle: Circle, *, authors: Sequence[Professional], at: datetime, count: int, chance: random.Random
) -> Iterator[Letter]:
    """Reports spread over the past, most of them a PDF."""
    for rank in range(count):
        model = letters.MODELS[rank % len(letters.MODELS)]
        day = at - timedelta(days=3 + rank * (700 // max(count, 8)) + chance.randrange(5))
        when = day.replace(hour=8 + chance.randrange(8), minute=chance.randrange(60))
        author = _author(model, circle, authors, chance)
        lines = ("Patient vu ce jour.", f"Conclusion : état stable, prochain contrôle dans {chance.randrange(2, 7)} mois.")
        sections = (Section("55112-7", "Conclusion", lines),) if rank % 4 == 3 else ()
        yield Letter(f"{circle.person.id}-{rank}", model, circle.person, author, when, lines=lines, sections=sections)


def _author(model: letters.Model, circle: Circle, authors: Sequence[Professional], chance: random.Random) -> Professional:
    """Who writes such a document: the general practitioner, a laboratory, or a hospital's doctor."""
    if model in BY_GP and circle.gp and circle.gp.rpps:
        return circle.gp
    wanted = {"labo"} if model == letters.LABORATORY else {"ch", "clinique"}
    return chance.choice([one for one in authors if one.structure.kind in wanted] or authors)


def late_call(letter: Letter) -> Resource:
    """The call that should have been made within 48 hours of a return home."""
    due = letter.at + timedelta(hours=48)
    return {
        "resourceType": "Task",
        "id": resource_id("Task", f"call-{letter.key}"),
        "identifier": [
            {
                "system": "urn:maillage:task-origin",
                "value": f"return-home/call-within-48h|{letter.person.id}|DocumentReference/{letter.id}",
            }
        ],
        "status": "requested",
        "intent": "plan",
        "priority": "routine",
        "code": {
            "coding": [{"system": "urn:maillage:task", "code": "return-home/call-within-48h"}],
            "text": "Appel de retour à domicile",
        },
        "description": "Demander des nouvelles, ce qui a changé dans le traitement, si les aides sont en place et la date du prochain rendez-vous chez le médecin.",
        "focus": {"reference": f"DocumentReference/{letter.id}"},
        "for": {"reference": letter.person.reference},
        "authoredOn": letter.at.isoformat(),
        "owner": {"reference": DAC.reference, "display": DAC.name},
        "restriction": {"period": {"end": due.isoformat()}},
    }


def waiting_identities(people: Sequence[Person], *, at: datetime, sender: str | None) -> Iterator[Waiting]:
    """The steward's queue: the usual mistakes of a keyboard, a discordance, people unknown so far."""
    for rank, person in enumerate(people):
        reason, origin, change, with_ins = MISTAKES[rank % len(MISTAKES)]
        claim = IdentityClaim(
            change(person.traits),
            person.ins if with_ins else None,
            (Identifier("urn:maillage:facility:demoville", f"88{rank:04d}"),),
            frozenset({"VALI" if with_ins else "PROV"}),
            organization=sender,
        )
        patient = patient_for(claim) | {"id": resource_id("Patient", f"waiting-{rank}")}
        opened = at - timedelta(hours=2 + 7 * (len(people) - rank))
        yield Waiting(patient, reason, (person.id,), origin, opened)
    yield _newcomer(at, sender)


Change = Callable[[Traits], Traits]
MISTAKES: tuple[tuple[Reason, str, Change, bool], ...] = (
    (Reason.SAME_TRAITS, "CH de Démoville (ADT A28)", lambda t: replace(t, birth_place=""), False),
    (Reason.DISCORDANT, "CH de Démoville (MDM T02)", lambda t: replace(t, birth_date=_swapped_year(t.birth_date)), True),
    (Reason.UNKNOWN, "Clinique de Châlons-en-Champagne (ADT A04)", lambda t: replace(t, birth_name=f"{t.birth_name}S"), False),
    (
        Reason.DISCORDANT,
        "Laboratoire de biologie (ORU R01)",
        lambda t: replace(t, first_given="MARIE", given_names="MARIE"),
        True,
    ),
    (Reason.SAME_TRAITS, "API FHIR", lambda t: replace(t, given_names=t.first_given), False),
    (Reason.DISCORDANT_IDENTIFIER, "CH de Démoville (ADT A31)", lambda t: replace(t, birth_date=_other_day(t.birth_date)), False),
)
"""Why, where from, what differs, and whether the INS came along."""


def outdated_message(at: datetime) -> bytes:
    """An admission in a version of HL7 that the region does not take: it goes to the quarantine, where its version can be mended."""
    sent = at.strftime("%Y%m%d%H%M%S")
    segments = (
        f"MSH|^~\\&|GAM|CH de Démoville|MAILLAGE|REGION|{sent}||ADT^A04^ADT_A01|DEMO-{sent}|P|2.3.1|||||FRA|UNICODE UTF-8",
        f"EVN||{sent}",
        "PID|||880999^^^CH-DEMOVILLE&510000017&N^PI||CROQUIS^ADA^ADA LOUISE^^^^L||19900714|F" + "|" * 24 + "PROV",
        "PV1|1|O|||||||||||||||||26000999^^^CH-DEMOVILLE&510000017&N^VN",
    )
    return "\r".join(segments).encode()


def _newcomer(at: datetime, sender: str | None) -> Waiting:
    """Somebody with a qualified INS whom the region does not know yet."""
    traits = Traits("CROQUIS", "ADA LOUISE", "ADA", "1990-07-14", "female", "51230", phone="06 39 98 00 77")
    ins = Ins(matricule(sex="female", birth_date=traits.birth_date, commune="51230", order=777), "1.2.250.1.213.1.4.10")
    claim = IdentityClaim(traits, ins, (), frozenset({"VALI"}), organization=sender)
    patient = patient_for(claim) | {"id": resource_id("Patient", "waiting-newcomer")}
    return Waiting(patient, Reason.UNKNOWN, (), "CH de Démoville (ADT A04)", at - timedelta(hours=1))


def _swapped_year(born: str) -> str:
    """1979 → 1997; a year of two equal digits gets its last one wrong."""
    year = born[:2] + born[3] + born[2]
    return (year if year != born[:4] and year < "2026" else f"{int(born[:4]) - 1}") + born[4:]


def _other_day(born: str) -> str:
    return f"{born[:8]}{int(born[8:]) % 28 + 1:02d}"
