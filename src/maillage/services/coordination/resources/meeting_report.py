"""The report of a concertation: DocumentReference of type 34794-8 (JDV_J07) with its PDF.

No volet of the CI-SIS is for a concertation beside those of cancer (FRCP): the report has no structured form. It is of the class of plans, as what is said in a
concertation is: those who coordinate read it, and carers who are let see the plan.
"""

import base64
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from maillage.services.coordination.resources.meeting import DECISION, OPINION, OPTION, SUMMARY, Meeting, Said
from maillage.services.coordination.resources.paper import of_person, printed
from maillage.services.identity.public import Ins, Traits
from maillage.ui.words import care_date, spoken_time

Resource = dict[str, Any]
TITLE = "Compte rendu de concertation"
TYPE = {"system": "urn:maillage:document-type", "code": "concertation", "display": TITLE}
"""Before the national code: what a document is for is said by the first of its codes that the matrix of habilitations knows."""
RCP = {"system": "http://loinc.org", "code": "34794-8", "display": "Interdisciplinary Note"}
THERE = {"accepted": "présence annoncée", "declined": "absence annoncée", "tentative": "présence incertaine"}
_NAMES = uuid.UUID("6f1d6dd4-5a1e-4f0c-9d53-0f4f5f1f2f9e")


def report_id(meeting: str) -> str:
    """The id of the report of a meeting: it has one."""
    return str(uuid.uuid5(_NAMES, meeting))


def report_of(one: Meeting, *, patient: str, team: Resource | None, content: bytes, at: datetime) -> Resource:
    """The document; `team` is the reference of the coordination team that keeps it."""
    title = f"{TITLE} du {care_date(one.start)}"
    authors = {said.by: said.by_name for said in one.of(DECISION) if said.by}
    attachment = {
        "contentType": "application/pdf", "language": "fr-FR", "title": title, "creation": at.isoformat(timespec="seconds"),
        "data": base64.b64encode(content).decode(),
    }  # fmt: skip
    return {
        "resourceType": "DocumentReference",
        "id": report_id(one.id),
        "status": "current",
        "type": {"coding": [TYPE, RCP], "text": TITLE},
        "subject": {"reference": f"Patient/{patient}"},
        "date": at.isoformat(timespec="seconds"),
        **({"author": [{"reference": who, "display": name} for who, name in authors.items()]} if authors else {}),
        **({"custodian": team} if team else {}),
        "description": f"{title} : {one.question[:160]}",
        "content": [{"attachment": attachment}],
        "context": {"related": [{"reference": f"Appointment/{one.id}"}]},
    }


def pdf(one: Meeting, *, traits: Traits, ins: Ins | None, at: datetime) -> bytes:
    """The report on paper."""
    return printed("meeting", values(one, traits=traits, ins=ins, at=at))


def values(one: Meeting, *, traits: Traits, ins: Ins | None, at: datetime) -> dict[str, Any]:
    """What the layout takes: words only."""
    parts = [(SUMMARY, "Résumé de la situation"), (OPINION, "Avis"), (OPTION, "Options discutées")]
    when = f"Le {care_date(one.start)} à {spoken_time(one.start)}"
    where = "en visio" if one.by_video else one.place
    return of_person(traits, ins, allergies="") | {
        "title": TITLE,
        "author": next((said.by_name for said in one.of(DECISION)), ""),
        "state": ", ".join(filter(None, (when, where))),
        "question": one.question,
        "decisions": _said(one.of(DECISION)),
        "parts": [{"title": title, "said": _said(one.of(kind))} for kind, title in parts if one.of(kind)],
        "guests": [f"{guest.name or 'Participant'} : {THERE.get(guest.answer, 'sans réponse')}" for guest in one.guests],
        "quorum": f"Quorum : {one.quorum} ; présents annoncés : {one.coming}" if one.quorum else "",
        "foot": f"Établi le {care_date(at)} à partir de ce qui a été écrit dans Maillage.",
    }


def _said(words: Sequence[Said]) -> list[dict[str, str]]:
    def line(one: Said) -> dict[str, str]:
        return {
            "words": one.words,
            "by": f"{one.by_name or 'Auteur non précisé'}, le {care_date(one.at)}" if one.at else one.by_name,
        }

    return [line(one) for one in words]
