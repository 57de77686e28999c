"""Communication (FHIR R4 §8.12) ↔ where somebody stands about a plan: agreed, refused, contested, answered, settled.

One record for each word that is said, written once and never over: what the person and the members said stays, with who, when and how.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maillage.access.references import as_list, local

Resource = dict[str, Any]

CATEGORY_SYSTEM, CATEGORY = "urn:maillage:communication", "plan-position"
CATEGORY_SEARCHED = f"{CATEGORY_SYSTEM}|{CATEGORY}"
TOPIC_SYSTEM = "urn:maillage:plan-position"
OF = "urn:maillage:position-of"
"""Extension: whose position it is, where another wrote it down for them."""
KEY = "urn:maillage:plan-item"
MODES = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"

AGREED, REFUSED, CONTESTED, ANSWERED, SETTLED = "agreed", "refused", "contested", "answered", "settled"
KINDS = {AGREED: "Accord", REFUSED: "Refus", CONTESTED: "Désaccord", ANSWERED: "Réponse", SETTLED: "Résolu"}
MEDIA = {"FACE": "En sa présence", "PHONE": "Par téléphone", "WRITTEN": "Par écrit, signé", "ELECTRONIC": "En ligne"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What somebody said. `of` is whose position (a reference), `by` who wrote it down; `about` the plan, or a goal or an action of it."""

    id: str
    kind: str
    of: str
    by: str
    by_name: str
    of_name: str
    words: str
    at: str
    medium: str = ""
    about: Sequence[str] = ()
    proof: str = ""
    number: int = 0
    answers: str | None = None
    key: str = ""
    resource: Resource = field(default_factory=dict, repr=False, compare=False)

    @property
    def label(self) -> str:
        return KINDS.get(self.kind, "Avis")

    @property
    def of_the_person(self) -> bool:
        return self.of.startswith("Patient/")

    @property
    def how(self) -> str:
        return MEDIA.get(self.medium, "")


def position_from(resource: Mapping[str, Any]) -> Position:
    """The position that a Communication says, whoever wrote it."""
    sender = resource.get("sender", {})
    of = next((one.get("valueReference", {}) for one in resource.get("extension", []) if one.get("url") == OF), sender)
    payload = resource.get("payload", [])
    return Position(
        id=str(resource.get("id", "")),
        kind=_code(resource.get("topic", {}), TOPIC_SYSTEM),
        of=local(of) or "",
        of_name=str(of.get("display", "")),
        by=local(sender) or "",
        by_name=str(sender.get("display", "")),
        words="\n".join(str(one["contentString"]) for one in payload if "contentString" in one),
        at=str(resource.get("sent", "")),
        medium=next((_code(one, MODES) for one in resource.get("medium", []) if _code(one, MODES)), ""),
        about=tuple(one for one in map(local, as_list(resource.get("about"))) if one),
        proof=next((local(one["contentReference"]) or "" for one in payload if "contentReference" in one), ""),
        number=next((int(one["valuePositiveInt"]) for one in resource.get("extension", []) if "valuePositiveInt" in one), 0),
        answers=next(
            (one.removeprefix("Communication/") for one in map(local, as_list(resource.get("inResponseTo"))) if one), None
        ),
        key=next((str(one.get("value", "")) for one in resource.get("identifier", []) if one.get("system") == KEY), ""),
        resource=dict(resource),
    )


def new_position(
    *, plan: str, number: int, patient: str, kind: str, words: str, sender: str | None, sender_name: str, at: datetime, key: str,
    of: str | None = None, of_name: str = "", medium: str = "", about: str | None = None, answers: str | None = None, proof: str = "",
) -> Resource:  # fmt: skip
    """What somebody said about a plan, or about a goal of it (`about`)."""
    resource: Resource = {
        "resourceType": "Communication",
        "identifier": [{"system": KEY, "value": key}],
        "basedOn": [{"reference": f"CarePlan/{plan}"}],
        "status": "completed",
        "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": CATEGORY}]}],
        "topic": {"coding": [{"system": TOPIC_SYSTEM, "code": kind}], "text": KINDS[kind]},
        "subject": {"reference": f"Patient/{patient}"},
        "about": [{"reference": about or f"CarePlan/{plan}"}],
        "sent": at.isoformat(timespec="milliseconds"),
        "extension": [],
    }
    if number:
        resource["extension"].append({"url": "urn:maillage:plan-version", "valuePositiveInt": number})
    if of and of != sender:
        resource["extension"].append(
            {"url": OF, "valueReference": {"reference": of, **({"display": of_name} if of_name else {})}}
        )
    if sender:
        resource["sender"] = {"reference": sender, "display": sender_name}
    if medium:
        resource["medium"] = [{"coding": [{"system": MODES, "code": medium}]}]
    if answers:
        resource["inResponseTo"] = [{"reference": f"Communication/{answers}"}]
    payload: list[Resource] = [{"contentString": words}] if words else []
    if proof:
        payload.append({"contentReference": {"reference": proof}})
    return {name: value for name, value in {**resource, "payload": payload}.items() if value}


def _code(concept: Mapping[str, Any], system: str) -> str:
    return next(
        (str(coding["code"]) for coding in concept.get("coding", []) if coding.get("system") == system and "code" in coding), ""
    )
