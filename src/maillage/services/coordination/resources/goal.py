"""Goal (FHIR R4 §9.3) ↔ what is aimed at, by whose words, and how one will know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maillage.access.references import local
from maillage.ui.words import number

Resource = dict[str, Any]

GOAL_SYSTEM = "urn:maillage:goal"
OWN_WORDS = "own-words"
KEY = "urn:maillage:plan-item"
"""Identifier: the key of the form that made it, so that a form sent twice makes one."""
ACHIEVEMENT = "http://terminology.hl7.org/CodeSystem/goal-achievement"
PURSUED = frozenset({"proposed", "planned", "accepted", "active", "on-hold"})

OUTCOMES: dict[str, tuple[str, str, str]] = {
    "active": ("active", "in-progress", "En cours"),
    "achieved": ("completed", "achieved", "Atteint"),
    "not-achieved": ("completed", "not-achieved", "Non atteint"),
    "not-undertaken": ("rejected", "not-attainable", "Non entrepris"),
}
"""What may be said of a goal: its lifecycle, its achievement, and in words."""
_WORDS = {"achieved": "Atteint", "not-achieved": "Non atteint", "not-attainable": "Non entrepris", "no-progress": "Sans progrès"}
_LIFE = {
    "rejected": "Non entrepris",
    "cancelled": "Abandonné",
    "completed": "Terminé",
    "on-hold": "En pause",
    "proposed": "Proposé",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal. `said_by` is who expressed it; `due` an ISO date or nothing; `measure` the indicator and `target` the criterion, in words."""

    id: str
    version: int
    words: str
    lifecycle: str
    achievement: str = ""
    own_words: bool = False
    said_by: str | None = None
    said_by_name: str = ""
    measure: str = ""
    target: str = ""
    due: str = ""
    reason: str = ""
    since: str = ""
    collected: str = ""
    key: str = ""
    resource: Resource = field(default_factory=dict, repr=False, compare=False)

    @property
    def reference(self) -> str:
        return f"Goal/{self.id}"

    @property
    def pursued(self) -> bool:
        return self.lifecycle in PURSUED and self.achievement not in ("not-attainable", "not-achieved")

    @property
    def by_the_person(self) -> bool:
        return (self.said_by or "").startswith("Patient/")

    @property
    def outcome(self) -> str:
        """« Atteint », « Non atteint », « Non entrepris »… of a goal that is not pursued any more; of others « En pause », « Proposé » or nothing."""
        return _WORDS.get(self.achievement, "") or _LIFE.get(self.lifecycle, "")


def goal_from(resource: Mapping[str, Any]) -> Goal:
    """The goal that a Goal says, whoever wrote it."""
    target: Resource = next(iter(resource.get("target", [])), {})
    said_by = resource.get("expressedBy", {})
    note: Resource = next(iter(resource.get("note", [])), {})
    return Goal(
        id=str(resource.get("id", "")),
        version=int(resource.get("meta", {}).get("versionId", 0)),
        words=_text(resource.get("description", {})),
        lifecycle=str(resource.get("lifecycleStatus", "")),
        achievement=_code(resource.get("achievementStatus", {})),
        own_words=any(
            coding.get("system") == GOAL_SYSTEM and coding.get("code") == OWN_WORDS
            for concept in resource.get("category", [])
            for coding in concept.get("coding", [])
        ),
        said_by=local(said_by),
        said_by_name=str(said_by.get("display", "")),
        measure=_text(target.get("measure", {})),
        target=_target(target),
        due=str(target.get("dueDate", "")),
        reason=str(resource.get("statusReason", "")),
        since=str(resource.get("startDate", "")),
        collected=str(note.get("text", "")),
        key=next((str(one.get("value", "")) for one in resource.get("identifier", []) if one.get("system") == KEY), ""),
        resource=dict(resource),
    )


def new_goal(
    *, patient: str, words: str, measure: str = "", target: str = "", due: str = "", said_by: str | None = None, own_words: bool = False,
    collected: str = "", at: datetime, key: str,
) -> Resource:  # fmt: skip
    """The Goal of a form. `own_words`: what counts for the person, as they say it."""
    resource: Resource = {
        "resourceType": "Goal",
        "identifier": [{"system": KEY, "value": key}],
        "lifecycleStatus": "active",
        "achievementStatus": {"coding": [{"system": ACHIEVEMENT, "code": "in-progress"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "startDate": at.date().isoformat(),
    }
    if own_words:
        resource["category"] = [{"coding": [{"system": GOAL_SYSTEM, "code": OWN_WORDS}]}]
    if said_by:
        resource["expressedBy"] = {"reference": said_by}
    return reworded(resource, words=words, measure=measure, target=target, due=due, collected=collected)


def reworded(
    resource: Resource, *, words: str, measure: str = "", target: str = "", due: str = "", collected: str = ""
) -> Resource:
    """The same goal, in other words."""
    kept = {name: value for name, value in resource.items() if name not in ("target", "note")}
    aim: Resource = {}
    if measure or target:
        aim["measure"] = {"text": measure or target}
    if target:
        aim["detailString"] = target
    if due:
        aim["dueDate"] = due
    noted = [{"text": collected}] if collected else resource.get("note", [])
    return {
        **kept,
        "description": {"text": words},
        **({"target": [aim]} if aim else {}),
        **({"note": noted} if noted else {}),
    }


def ended(resource: Resource, *, outcome: str, reason: str, at: datetime) -> Resource:
    """The same goal with an outcome of `OUTCOMES`; a reason is kept with it."""
    lifecycle, achievement, _ = OUTCOMES[outcome]
    kept = {name: value for name, value in resource.items() if name != "statusReason"}
    return {
        **kept,
        "lifecycleStatus": lifecycle,
        "achievementStatus": {"coding": [{"system": ACHIEVEMENT, "code": achievement}]},
        "statusDate": at.date().isoformat(),
        **({"statusReason": reason} if reason else {}),
    }


def _target(target: Mapping[str, Any]) -> str:
    if "detailString" in target:
        return str(target["detailString"])
    if "detailQuantity" in target:
        return _quantity(target["detailQuantity"])
    if "detailRange" in target:
        low, high = (target["detailRange"].get(end, {}) for end in ("low", "high"))
        return " à ".join(filter(None, (_quantity(low), _quantity(high))))
    return _text(target.get("detailCodeableConcept", {}))


def _quantity(quantity: Mapping[str, Any]) -> str:
    if "value" not in quantity:
        return ""
    value = number(quantity["value"])
    return " ".join(filter(None, (str(quantity.get("comparator", "")), value, str(quantity.get("unit", "")))))


def _text(concept: Mapping[str, Any]) -> str:
    return str(
        concept.get("text") or next((coding["display"] for coding in concept.get("coding", []) if "display" in coding), "")
    )


def _code(concept: Mapping[str, Any]) -> str:
    return next((str(coding["code"]) for coding in concept.get("coding", []) if "code" in coding), "")
