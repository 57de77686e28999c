"""An alert: a Flag of category `urn:maillage:alert`, and the Task by which somebody takes it ↔ what pages and rules need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from maillage.access.references import local
from maillage.services.coordination.resources.task import ALERT, TASK_SYSTEM
from maillage.services.coordination.rules.alerts import level_of

Resource = dict[str, Any]

CATEGORY = "urn:maillage:alert"
ORIGIN = "urn:maillage:alert-origin"
LEVEL, WHY, ABOUT, TO = "urn:maillage:alert-level", "urn:maillage:alert-why", "urn:maillage:alert-about", "urn:maillage:alert-to"
"""Extensions of the Flag: how pressing (1 to 3), why, the record that says so, whom it concerns first."""
STEP = "urn:maillage:alert-step"
"""System of Task.businessStatus: the last step of the escalation."""
TOLD = "Prévenu"


@dataclass(frozen=True, slots=True)
class Why:
    """Why there is an alert, in French: the rule and its version, what was read, who set the threshold."""

    rule: str
    version: str = ""
    data: str = ""
    threshold: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert and what became of it. `told`: references, in the order in which they were told; `until`: when somebody else is, if nobody takes it."""

    id: str
    patient: str
    title: str
    level: int
    why: Why
    about: str
    since: datetime | None
    active: bool
    task: str = ""
    version: str = ""
    status: str = ""
    owner: str = ""
    owner_name: str = ""
    told: tuple[str, ...] = ()
    until: datetime | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def waiting(self) -> bool:
        """Whether nobody took it yet."""
        return self.active and self.status in ("requested", "")

    @property
    def words(self) -> str:
        """How pressing it is."""
        return level_of(self.level).words


def flag_id(key: str) -> str:
    """The id of the Flag of an alert with this key: raised twice, it is one."""
    return str(uuid5(NAMESPACE_URL, f"{ORIGIN}|{key}"))


def task_id(flag: str) -> str:
    """The id of the Task of an alert."""
    return str(uuid5(NAMESPACE_URL, f"{CATEGORY}|{flag}"))


def flag_for(
    *, key: str, patient: str, code: str, title: str, level: int, why: Why, about: str, to: str, at: datetime, author: str | None
) -> Resource:
    """The Flag of an alert. `about` and `to` are references, or empty."""
    said = [
        {"url": name, "valueString": words} for name in ("rule", "version", "data", "threshold") if (words := getattr(why, name))
    ]
    extension: list[Resource] = [{"url": LEVEL, "valuePositiveInt": level}, {"url": WHY, "extension": said}]
    extension += [{"url": ABOUT, "valueReference": {"reference": about}}] if about else []
    extension += [{"url": TO, "valueReference": {"reference": to}}] if to else []
    return {
        "resourceType": "Flag",
        "id": flag_id(key),
        "extension": extension,
        "identifier": [{"system": ORIGIN, "value": key}],
        "status": "active",
        "category": [{"coding": [{"system": CATEGORY, "code": "alert"}], "text": "Alerte"}],
        "code": {"coding": [{"system": CATEGORY, "code": code}], "text": title},
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": at.isoformat(timespec="seconds")},
        **({"author": {"reference": author}} if author else {}),
    }


def is_alert(flag: Mapping[str, Any]) -> bool:
    """Whether a Flag is an alert of a person."""
    systems = {coding.get("system") for concept in flag.get("category", []) for coding in concept.get("coding", [])}
    return CATEGORY in systems and (local(flag.get("subject")) or "").startswith("Patient/")


def alert_from(flag: Mapping[str, Any], task: Mapping[str, Any] | None) -> Alert:
    """The alert that a Flag is, with its Task where there is one; what an editor left out is empty."""
    said: dict[str, Any] = {one["url"]: one for one in flag.get("extension", []) if "url" in one}
    why = {one["url"]: str(one.get("valueString", "")) for one in said.get(WHY, {}).get("extension", []) if "url" in one}
    task = task or {}
    return Alert(
        id=str(flag.get("id", "")),
        patient=(local(flag.get("subject")) or "").removeprefix("Patient/"),
        title=str(flag.get("code", {}).get("text") or next((c.get("display") for c in flag.get("code", {}).get("coding", []) if c.get("display")), "Alerte")),
        level=int(said.get(LEVEL, {}).get("valuePositiveInt", 2)),
        why=Why(why.get("rule", ""), why.get("version", ""), why.get("data", ""), why.get("threshold", "")),
        about=local(said.get(ABOUT, {}).get("valueReference")) or "",
        since=_moment(flag.get("period", {}).get("start")),
        active=flag.get("status") == "active",
        task=str(task.get("id", "")),
        version=str(task.get("meta", {}).get("versionId", "")),
        status=str(task.get("status", "")),
        owner=local(task.get("owner")) or "",
        owner_name=str(task.get("owner", {}).get("display", "")),
        told=tuple(told_of(task)),
        until=_moment(task.get("restriction", {}).get("period", {}).get("end")),
        notes=tuple(str(one.get("text", "")) for one in task.get("note", [])),
    )  # fmt: skip


def first_of(flag: Mapping[str, Any]) -> str:
    """Whom an alert concerns first, where it says so."""
    named: dict[str, Any] = next((one for one in flag.get("extension", []) if one.get("url") == TO), {})
    return local(named.get("valueReference")) or ""


def told_of(task: Mapping[str, Any]) -> list[str]:
    """Who was told of an alert, in that order."""
    inputs = (one for one in task.get("input", []) if one.get("type", {}).get("text") == TOLD)
    return [one for one in (local(given.get("valueReference")) for given in inputs) if one]


def step_of(task: Mapping[str, Any]) -> str:
    """The last step of the escalation of an alert."""
    codings = task.get("businessStatus", {}).get("coding", [])
    return next((str(one["code"]) for one in codings if one.get("system") == STEP and "code" in one), "")


def task_for(alert: Alert, *, at: datetime) -> Resource:
    """The Task by which somebody takes an alert, before anybody is told."""
    return {
        "resourceType": "Task",
        "id": task_id(alert.id),
        "status": "requested",
        "intent": "order",
        "priority": level_of(alert.level).priority,
        "code": {"coding": [{"system": TASK_SYSTEM, "code": ALERT}], "text": alert.title},
        "focus": {"reference": f"Flag/{alert.id}"},
        "for": {"reference": f"Patient/{alert.patient}"},
        "authoredOn": at.isoformat(timespec="seconds"),
    }


def told(task: Resource, *, step: str, who: str, name: str, words: str, at: datetime, until: datetime) -> Resource:
    """The Task once somebody else was told: theirs, with the step, and until when it waits for them."""
    reference = {"reference": who, **({"display": name} if name else {})}
    return {
        **task,
        "owner": reference,
        "businessStatus": {"coding": [{"system": STEP, "code": step}], "text": words},
        "input": [*task.get("input", []), {"type": {"text": TOLD}, "valueReference": reference}],
        "note": [*task.get("note", []), {"time": at.isoformat(timespec="seconds"), "text": words}],
        "restriction": {"period": {"end": until.isoformat(timespec="seconds")}},
    }


def ended(flag: Resource, *, at: datetime) -> Resource:
    """The Flag of an alert that is over."""
    return {**flag, "status": "inactive", "period": {**flag.get("period", {}), "end": at.isoformat(timespec="seconds")}}


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
