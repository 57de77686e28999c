"""CarePlan (FHIR R4 §9.5) ↔ the plan of a person, whoever wrote it: what is absent is empty, never an error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maillage.access.references import as_list, local
from maillage.services.coordination.resources.action import Action
from maillage.services.coordination.resources.goal import Goal
from maillage.services.coordination.resources.position import Position

Resource = dict[str, Any]

PLAN_SYSTEM = "urn:maillage:plan"
PPCS, ALERT = "ppcs", "alert-procedure"
"""Codes of PLAN_SYSTEM: of a CarePlan's category, and of the activity that says whom to call and when."""
CATEGORY = f"{PLAN_SYSTEM}|{PPCS}"
NUMBER = "urn:maillage:plan-version"
"""Extension: the number that was given to the plan when it was published last (positiveInt)."""

OPEN = frozenset({"draft", "active", "on-hold"})
STATUS = {
    "draft": "En préparation", "active": "En cours", "on-hold": "Suspendu", "completed": "Archivé", "revoked": "Arrêté", "unknown": "État inconnu",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan as it is read. `version` is what a writer names; `number` that of the last publication (0: none yet); `review` an ISO day or nothing."""

    id: str
    version: int
    patient: str
    status: str
    title: str = ""
    number: int = 0
    synthesis: str = ""
    alert: str = ""
    since: str = ""
    review: str = ""
    changed: str = ""
    coordinator: str | None = None
    coordinator_name: str = ""
    problems: Sequence[str] = ()
    goals: Sequence[Goal] = ()
    actions: Sequence[Action] = ()
    positions: Sequence[Position] = ()
    resource: Resource = field(default_factory=dict, repr=False, compare=False)

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def words(self) -> str:
        return STATUS.get(self.status, self.status)

    @property
    def own(self) -> Goal | None:
        """What counts for the person, in their words."""
        return next((goal for goal in self.goals if goal.own_words and goal.pursued), None)

    @property
    def pursued(self) -> Sequence[Goal]:
        """The goals that are pursued now, in their order."""
        return [goal for goal in self.goals if goal.pursued and not goal.own_words]

    @property
    def left(self) -> Sequence[Goal]:
        """The goals that are not pursued (any more): achieved, not achieved, not undertaken."""
        return [goal for goal in self.goals if not goal.pursued]

    def actions_for(self, goal: str) -> Sequence[Action]:
        """The actions that serve a goal ("Goal/3")."""
        return [action for action in self.actions if action.goal == goal]

    @property
    def other_actions(self) -> Sequence[Action]:
        """Those that serve no goal that is shown."""
        shown = {goal.reference for goal in self.pursued}
        return [action for action in self.actions if action.goal not in shown]


def plan_from(
    resource: Mapping[str, Any], *, goals: Sequence[Goal] = (), actions: Sequence[Action] = (), positions: Sequence[Position] = (),
    problems: Sequence[str] = (),
) -> Plan:  # fmt: skip
    """The plan that a CarePlan says, with what it names as it was read."""
    period, author = resource.get("period", {}), resource.get("author", {})
    return Plan(
        id=str(resource.get("id", "")),
        version=int(resource.get("meta", {}).get("versionId", 0)),
        patient=str(resource["subject"].get("reference", "")).removeprefix("Patient/"),
        status=str(resource.get("status", "unknown")),
        title=str(resource.get("title", "")),
        number=number_of(resource),
        synthesis=str(resource.get("description", "")),
        alert=next((str(activity["detail"].get("description", "")) for activity in _alerts(resource)), ""),
        since=str(period.get("start", ""))[:10],
        review=str(period.get("end", ""))[:10],
        changed=str(resource.get("meta", {}).get("lastUpdated", "")),
        coordinator=local(author),
        coordinator_name=str(author.get("display", "")),
        problems=problems,
        goals=goals,
        actions=actions,
        positions=positions,
        resource=dict(resource),
    )


def new_plan(*, patient: str, title: str, author: str | None, name: str, review: str, at: datetime, key: str) -> Resource:
    """An empty plan that starts today. `key` makes it the only one of its form."""
    resource: Resource = {
        "resourceType": "CarePlan",
        "identifier": [{"system": "urn:maillage:plan-form", "value": key}],
        "status": "active",
        "intent": "plan",
        "category": [
            {"coding": [{"system": PLAN_SYSTEM, "code": PPCS, "display": "Plan personnalisé de coordination en santé"}]}
        ],
        "title": title,
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": at.date().isoformat(), "end": review},
        "created": at.isoformat(timespec="seconds"),
    }
    return resource | ({"author": {"reference": author, "display": name}} if author else {})


def is_ours(resource: Mapping[str, Any]) -> bool:
    """Whether a CarePlan is a personalised plan of coordination, which the rules of this service are for."""
    return any(
        coding.get("system") == PLAN_SYSTEM and coding.get("code") == PPCS
        for concept in resource.get("category", [])
        for coding in concept.get("coding", [])
    )


def number_of(resource: Mapping[str, Any]) -> int:
    """The number of the last publication, 0 where there is none."""
    return next((int(one.get("valuePositiveInt", 0)) for one in resource.get("extension", []) if one.get("url") == NUMBER), 0)


def numbered(resource: Resource, number: int) -> Resource:
    """The same plan, published under this number."""
    kept = [one for one in resource.get("extension", []) if one.get("url") != NUMBER]
    return {**resource, "extension": [*kept, {"url": NUMBER, "valuePositiveInt": number}]}


def with_goal(resource: Resource, goal: str) -> Resource:
    """The same plan, with one more goal ("Goal/3")."""
    return {**resource, "goal": [*resource.get("goal", []), {"reference": goal}]}


def with_activity(resource: Resource, activity: Resource) -> Resource:
    """The same plan, with one more activity."""
    return {**resource, "activity": [*resource.get("activity", []), activity]}


def with_activities(resource: Resource, activities: Sequence[Resource]) -> Resource:
    """The same plan, with these activities instead of its own."""
    kept = {name: value for name, value in resource.items() if name != "activity"}
    return kept | ({"activity": list(activities)} if activities else {})


def described(resource: Resource, *, synthesis: str, alert: str, review: str) -> Resource:
    """The same plan with another synthesis, alert procedure and day of review."""
    others = [activity for activity in resource.get("activity", []) if activity not in _alerts(resource)]
    code = {"coding": [{"system": PLAN_SYSTEM, "code": ALERT}], "text": "Conduite à tenir en cas d’alerte"}
    said = [{"detail": {"code": code, "status": "in-progress", "description": alert}}] if alert else []
    kept = {name: value for name, value in resource.items() if name not in ("description", "activity")}
    since = {name: value for name, value in resource.get("period", {}).items() if name != "end"}
    period = since | ({"end": review} if review else {})
    return {
        **{name: value for name, value in kept.items() if name != "period"},
        **({"description": synthesis} if synthesis else {}),
        **({"period": period} if period else {}),
        **({"activity": [*others, *said]} if others or said else {}),
    }


def is_alert(activity: Mapping[str, Any]) -> bool:
    """Whether an activity is the alert procedure, and no action of somebody."""
    codings = activity.get("detail", {}).get("code", {}).get("coding", [])
    return any(coding.get("system") == PLAN_SYSTEM and coding.get("code") == ALERT for coding in codings)


def goals_named(resource: Mapping[str, Any]) -> list[str]:
    """The goals that a plan names, in its order ("Goal/3")."""
    return [one for one in map(local, as_list(resource.get("goal"))) if one]


def _alerts(resource: Mapping[str, Any]) -> list[Resource]:
    return [activity for activity in resource.get("activity", []) if is_alert(activity)]
