"""Appointment and Communication (FHIR R4 §12.9, §8.12) ↔ a multi-professional meeting (RCP, concertation) about one person.

The Appointment is the meeting: when, where, who is invited and answered. What is said about it, before or there, is a Communication
`basedOn` it for each word: an opinion, the summary, an option, the decision. So nobody writes over what another said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from maillage.access.references import as_list, local

Resource = dict[str, Any]

TYPE_SYSTEM, TYPE = "urn:maillage:meeting", "concertation"
QUORUM = "urn:maillage:meeting-quorum"
"""Extension: how many must be there for a decision (positiveInt)."""
CATEGORY_SYSTEM, CATEGORY = "urn:maillage:communication", "meeting"
TOPIC_SYSTEM = "urn:maillage:meeting-word"
KEY = "urn:maillage:plan-item"
OPINION, SUMMARY, OPTION, DECISION = "opinion", "summary", "option", "decision"
WORDS = {OPINION: "Avis", SUMMARY: "Résumé", OPTION: "Option", DECISION: "Décision"}
ANSWERS = {"needs-action": "N’a pas répondu", "accepted": "Sera présent", "declined": "Ne viendra pas", "tentative": "Peut-être"}
HELD = "fulfilled"


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who is invited, and what they answered."""

    reference: str
    name: str
    answer: str

    @property
    def words(self) -> str:
        return ANSWERS.get(self.answer, self.answer)


@dataclass(frozen=True, slots=True)
class Said:
    """One word about a meeting."""

    kind: str
    words: str
    by: str
    by_name: str
    at: str

    @property
    def label(self) -> str:
        return WORDS.get(self.kind, "Avis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A meeting. `start` is a FHIR instant, `place` an address or the link of a video room; `quorum` 0 where none was said."""

    id: str
    version: int
    status: str
    start: str
    question: str
    place: str
    quorum: int
    guests: Sequence[Guest]
    said: Sequence[Said] = ()
    plan: str = ""
    resource: Resource = field(default_factory=dict, repr=False, compare=False)

    @property
    def coming(self) -> int:
        return sum(guest.answer == "accepted" for guest in self.guests)

    @property
    def answered(self) -> int:
        return sum(guest.answer != "needs-action" for guest in self.guests)

    @property
    def has_quorum(self) -> bool:
        return self.coming >= self.quorum

    @property
    def held(self) -> bool:
        return self.status == HELD

    @property
    def by_video(self) -> bool:
        return self.place.startswith("https://")

    def of(self, kind: str) -> Sequence[Said]:
        """What was said of one kind, in its order."""
        return [one for one in self.said if one.kind == kind]


def is_meeting(resource: Mapping[str, Any]) -> bool:
    """Whether an Appointment is a meeting about somebody's plan: one that has a day."""
    codings = [coding for concept in resource.get("serviceType", []) for coding in concept.get("coding", [])]
    return "start" in resource and any(coding.get("system") == TYPE_SYSTEM and coding.get("code") == TYPE for coding in codings)


def meeting_from(resource: Mapping[str, Any], said: Sequence[Mapping[str, Any]] = ()) -> Meeting:
    """The meeting that an Appointment says, with what was said about it."""
    guests = [
        Guest(reference, str(one["actor"].get("display", "")), str(one.get("status", "needs-action")))
        for one in resource.get("participant", [])
        if (reference := local(one.get("actor"))) and not reference.startswith("Patient/")
    ]
    plans = [one for one in map(local, as_list(resource.get("supportingInformation"))) if one and one.startswith("CarePlan/")]
    return Meeting(
        id=str(resource["id"]),
        version=int(resource.get("meta", {}).get("versionId", 0)),
        status=str(resource.get("status", "")),
        start=str(resource.get("start", "")),
        question=str(resource.get("description", "")),
        place=str(resource.get("comment", "")),
        quorum=next(
            (int(one.get("valuePositiveInt", 0)) for one in resource.get("extension", []) if one.get("url") == QUORUM), 0
        ),
        guests=guests,
        said=sorted(map(_said, said), key=lambda one: one.at),
        plan=next(iter(plans), "").removeprefix("CarePlan/"),
        resource=dict(resource),
    )


def new_meeting(
    *, patient: str, plan: str | None, question: str, start: datetime, place: str, quorum: int, guests: Sequence[tuple[str, str]],
    host: str | None, at: datetime, key: str,
) -> Resource:  # fmt: skip
    """The Appointment of a meeting of an hour. `guests` are (reference, name); the host comes."""
    resource: Resource = {
        "resourceType": "Appointment",
        "identifier": [{"system": KEY, "value": key}],
        "status": "booked",
        "serviceType": [
            {"coding": [{"system": TYPE_SYSTEM, "code": TYPE}], "text": "Réunion de concertation pluriprofessionnelle"}
        ],
        "description": question,
        "start": start.isoformat(timespec="seconds"),
        "end": (start + timedelta(hours=1)).isoformat(timespec="seconds"),
        "created": at.isoformat(timespec="seconds"),
        "participant": [
            {"actor": {"reference": f"Patient/{patient}"}, "required": "information-only", "status": "accepted"},
            *(
                {"actor": {"reference": guest, "display": name}, "status": "accepted" if guest == host else "needs-action"}
                for guest, name in guests
            ),
        ],
    }
    if place:
        resource["comment"] = place
    if plan:
        resource["supportingInformation"] = [{"reference": f"CarePlan/{plan}"}]
    if quorum:
        resource["extension"] = [{"url": QUORUM, "valuePositiveInt": quorum}]
    return resource


def answered(resource: Resource, guest: str, answer: str) -> Resource:
    """The same meeting with the answer of a guest."""
    participants = [
        one | {"status": answer} if local(one.get("actor")) == guest else one for one in resource.get("participant", [])
    ]
    return resource | {"participant": participants}


def word_about(
    *, meeting: str, patient: str, kind: str, words: str, sender: str | None, name: str, at: datetime, key: str
) -> Resource:
    """One word about a meeting, for the whole circle."""
    resource: Resource = {
        "resourceType": "Communication",
        "identifier": [{"system": KEY, "value": key}],
        "basedOn": [{"reference": f"Appointment/{meeting}"}],
        "status": "completed",
        "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": CATEGORY}]}],
        "topic": {"coding": [{"system": TOPIC_SYSTEM, "code": kind}], "text": WORDS[kind]},
        "subject": {"reference": f"Patient/{patient}"},
        "sent": at.isoformat(timespec="milliseconds"),
        "payload": [{"contentString": words}],
    }
    return resource | ({"sender": {"reference": sender, "display": name}} if sender else {})


def _said(resource: Mapping[str, Any]) -> Said:
    codings = resource.get("topic", {}).get("coding", [])
    return Said(
        kind=next((str(one["code"]) for one in codings if one.get("system") == TOPIC_SYSTEM and "code" in one), OPINION),
        words="\n".join(str(one["contentString"]) for one in resource.get("payload", []) if "contentString" in one),
        by=local(resource.get("sender")) or "",
        by_name=str(resource.get("sender", {}).get("display", "")),
        at=str(resource.get("sent", "")),
    )
