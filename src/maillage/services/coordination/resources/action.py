"""CarePlan.activity, Task and ServiceRequest → one action of a plan: what, who, by when, how much, where it stands.

An action that somebody has is a Task `basedOn` the plan, in their own list; one that nobody has yet is an `activity.detail` of the plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maillage.access.references import as_list, local
from maillage.services.coordination.resources.task import TASK_SYSTEM

Resource = dict[str, Any]

ACTION = "plan/action"
REVIEW = "plan/review"
"""Codes of TASK_SYSTEM: an action of a plan, and the plan itself to be reviewed."""
ORIGIN_SYSTEM = "urn:maillage:task-origin"

STATES: dict[str, tuple[str, str]] = {
    "draft": ("Proposée", "new"), "requested": ("À faire", ""), "received": ("À faire", ""), "ready": ("À faire", ""),
    "accepted": ("Acceptée", "done"), "in-progress": ("En cours", "done"), "on-hold": ("En pause", "watch"), "completed": ("Faite", "done"),
    "rejected": ("Refusée", "danger"), "cancelled": ("Annulée", ""), "failed": ("Non aboutie", "danger"), "not-started": ("À faire", ""),
    "scheduled": ("Prévue", ""), "stopped": ("Arrêtée", ""), "active": ("En cours", "done"), "revoked": ("Annulée", ""),
    "entered-in-error": ("Saisie par erreur", ""), "unknown": ("État inconnu", "watch"),
}  # fmt: skip
"""The statuses of Task, activity.detail and ServiceRequest in words, and the tint of their mark."""
OVER = frozenset({"completed", "rejected", "cancelled", "failed", "stopped", "revoked", "entered-in-error"})
GOING = frozenset({"in-progress", "active"})
MOVES = {"in-progress": "En cours", "completed": "Faite", "on-hold": "En pause", "cancelled": "Annulée"}
"""What may be said of an action on the page of the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action. `key` is its place: "Task/3", or the element id of the activity; `owner` a reference or None (« à pourvoir »); `due` ISO or nothing."""

    key: str
    what: str
    status: str
    how: str = ""
    owner: str | None = None
    owner_name: str = ""
    due: str = ""
    goal: str | None = None
    version: int = 0
    resource: Resource = field(default_factory=dict, repr=False, compare=False)

    @property
    def over(self) -> bool:
        return self.status in OVER

    @property
    def going(self) -> bool:
        """Whether it is being done already, until its time."""
        return self.status in GOING

    @property
    def unfilled(self) -> bool:
        return self.owner is None and not self.owner_name and not self.over

    @property
    def words(self) -> str:
        return STATES.get(self.status, (self.status, ""))[0]

    @property
    def tint(self) -> str:
        return STATES.get(self.status, ("", ""))[1]

    def late_on(self, day: str) -> bool:
        """Whether its time has passed on this day (ISO)."""
        return bool(self.due) and not self.over and self.due[:10] < day[: len(self.due[:10])]


def from_activity(activity: Mapping[str, Any], *, place: int) -> Action:
    """The action of an activity that says itself what is to be done."""
    detail = activity["detail"]
    performer: Resource = next(iter(as_list(detail.get("performer"))), {})
    scheduled = detail.get("scheduledPeriod", {})
    return Action(
        key=str(activity.get("id") or f"activite-{place}"),
        what=_text(detail.get("code", {})) or str(detail.get("description", "")) or "Action sans intitulé",
        status=str(detail.get("status", "unknown")),
        how=_how(detail),
        owner=local(performer),
        owner_name=str(performer.get("display", "")),
        due=str(scheduled.get("end", "")),
        goal=next((one for one in map(local, as_list(detail.get("goal"))) if one), None),
        resource=dict(activity),
    )


def from_task(task: Mapping[str, Any]) -> Action:
    """The action that is a Task."""
    owner = task.get("owner", {})
    reason = task.get("reasonReference", {})
    return Action(
        key=f"Task/{task['id']}",
        what=_text(task.get("code", {})) or str(task.get("description", "")) or "Action sans intitulé",
        status=str(task.get("status", "unknown")),
        how=str(task.get("description", "")) if _text(task.get("code", {})) else "",
        owner=local(owner),
        owner_name=str(owner.get("display", "")),
        due=str(task.get("restriction", {}).get("period", {}).get("end", "")),
        goal=local(reason),
        version=int(task.get("meta", {}).get("versionId", 0)),
        resource=dict(task),
    )


def from_request(request: Mapping[str, Any]) -> Action:
    """The action that is a ServiceRequest."""
    performer: Resource = next(iter(as_list(request.get("performer"))), {})
    period = request.get("occurrencePeriod", {})
    return Action(
        key=f"ServiceRequest/{request['id']}",
        what=_text(request.get("code", {})) or "Action sans intitulé",
        status=str(request.get("status", "unknown")),
        how=str(request.get("patientInstruction", "")),
        owner=local(performer),
        owner_name=str(performer.get("display", "")),
        due=str(period.get("end", "") or request.get("occurrenceDateTime", "")),
        resource=dict(request),
    )


def unfilled_activity(*, key: str, what: str, how: str, due: str, goal: str | None) -> Resource:
    """The activity of an action that nobody has yet."""
    detail: Resource = {"code": {"text": what}, "status": "not-started"}
    if goal:
        detail["goal"] = [{"reference": goal}]
    if due:
        detail["scheduledPeriod"] = {"end": due}
    if how:
        detail["description"] = how
    return {"id": key, "detail": detail}


def task_of(
    *, plan: str, patient: str, key: str, what: str, how: str, due: datetime, goal: str | None, owner: str, name: str, requester: str | None,
    at: datetime,
) -> Resource:  # fmt: skip
    """The Task that gives an action to somebody: it stands in their list until its day."""
    resource: Resource = {
        "resourceType": "Task",
        "identifier": [{"system": ORIGIN_SYSTEM, "value": f"plan-{key}"}],
        "basedOn": [{"reference": f"CarePlan/{plan}"}],
        "status": "requested",
        "intent": "plan",
        "priority": "routine",
        "code": {"coding": [{"system": TASK_SYSTEM, "code": ACTION}], "text": what},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": at.isoformat(timespec="seconds"),
        "owner": {"reference": owner, "display": name},
        "restriction": {"period": {"end": due.isoformat(timespec="seconds")}},
    }
    if how:
        resource["description"] = how
    if goal:
        resource["reasonReference"] = {"reference": goal}
    return resource | ({"requester": {"reference": requester}} if requester else {})


def review_task(
    *, plan: str, patient: str, focus: str, owner: str, why: str, due: datetime, at: datetime, origin: str
) -> Resource:
    """The Task that asks the team to review a plan because of something (`focus`)."""
    return {
        "resourceType": "Task",
        "identifier": [{"system": ORIGIN_SYSTEM, "value": origin}],
        "basedOn": [{"reference": f"CarePlan/{plan}"}],
        "status": "requested",
        "intent": "plan",
        "priority": "routine",
        "code": {"coding": [{"system": TASK_SYSTEM, "code": REVIEW}], "text": "Revoir le plan personnalisé"},
        "description": why,
        "focus": {"reference": focus},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": at.isoformat(timespec="seconds"),
        "owner": {"reference": owner},
        "restriction": {"period": {"end": due.isoformat(timespec="seconds")}},
    }


def is_review(task: Mapping[str, Any]) -> bool:
    """Whether a Task asks for the review of a plan."""
    codings = task.get("code", {}).get("coding", [])
    return any(coding.get("system") == TASK_SYSTEM and coding.get("code") == REVIEW for coding in codings)


def _how(detail: Mapping[str, Any]) -> str:
    """How much and how often, in words."""
    described = str(detail.get("description", "")) if _text(detail.get("code", {})) else ""
    said = str(detail.get("scheduledString", "")) or _text(detail.get("scheduledTiming", {}).get("code", {}))
    quantity = detail.get("quantity", {})
    much = f"{quantity['value']} {quantity.get('unit', '')}".strip() if "value" in quantity else ""
    return ", ".join(filter(None, (described, much, said)))


def _text(concept: Mapping[str, Any]) -> str:
    return str(
        concept.get("text") or next((coding["display"] for coding in concept.get("coding", []) if "display" in coding), "")
    )
