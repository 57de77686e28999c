"""Task (FHIR R4 §12.7) ↔ what the coordination team has to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maillage.access.references import local
from maillage.services.coordination.rules.tasks import ACCEPTED, OPEN, PRIORITIES, STATES

TASK_SYSTEM = "urn:maillage:task"  # "<protocol>/<action>"
ORIGIN_SYSTEM = "urn:maillage:task-origin"  # what makes a planned task the only one of its kind
REMINDER = "urn:maillage:task-reminder"  # extension: when its owner is to be reminded (dateTime)
CHECK = "urn:maillage:task-check"  # extension, one for each step of its list: `what` (string) and `done` (boolean)
TODO = "todo"  # code of what somebody asks for by hand
ALERT = "alert"  # code of the answer to an alert: it is dealt with on the page of alerts

REQUESTED = "requested"
DONE = "completed"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do for a person. `code` names the protocol's action (TASK_SYSTEM); `due` is the deadline; `owner` the reference of the team."""

    id: str
    patient: str
    code: str
    title: str
    description: str
    status: str
    due: datetime
    owner: str
    focus: str | None
    planned: datetime
    version: str = ""
    owner_name: str = ""
    requester: str = ""
    requester_name: str = ""
    priority: str = "routine"
    remind: datetime | None = None
    reason: str = ""  # why it was refused, postponed or cancelled
    result: str = ""  # what came of it
    checks: tuple[tuple[str, bool], ...] = ()  # its list: each step, and whether it was done

    @property
    def done(self) -> bool:
        return self.status == DONE

    @property
    def open(self) -> bool:
        """Whether it is still to be done."""
        return self.status in OPEN

    @property
    def state(self) -> str:
        """Its state in French."""
        return STATES.get(self.status, "")

    @property
    def pressing(self) -> str:
        """Its priority in words, where it is not the usual one."""
        return "" if self.priority == "routine" else PRIORITIES.get(self.priority, "")

    @property
    def given(self) -> bool:
        """Whether somebody gave it to a person who has not said yes or no."""
        return self.status == REQUESTED and self.owner.startswith("Practitioner/") and self.owner != self.requester


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was said or done about a task."""

    by: str
    at: datetime | None
    words: str


def task_for(
    *, patient: str, owner: str, code: str, title: str, description: str, focus: str, due: datetime, at: datetime, origin: str
) -> dict[str, Any]:
    """The Task that a protocol's action asks of a team."""
    return {
        "resourceType": "Task",
        "identifier": [{"system": ORIGIN_SYSTEM, "value": origin}],
        "status": REQUESTED,
        "intent": "plan",
        "priority": "routine",
        "code": {"coding": [{"system": TASK_SYSTEM, "code": code}], "text": title},
        "description": description,
        "focus": {"reference": focus},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": at.isoformat(timespec="seconds"),
        "owner": {"reference": owner},
        "restriction": {"period": {"end": due.isoformat(timespec="seconds")}},
    }


def is_planned(resource: dict[str, Any]) -> bool:
    """Whether a Task has what `task_for` gives: other clients write their own, to the same teams."""
    systems = {coding.get("system") for coding in resource.get("code", {}).get("coding", []) if "code" in coding}
    deadline = resource.get("restriction", {}).get("period", {}).get("end", "")
    return (
        TASK_SYSTEM in systems
        and "text" in resource["code"]
        and resource.get("for", {}).get("reference", "").startswith("Patient/")
        and "reference" in resource.get("owner", {})
        and "T" in resource.get("authoredOn", "")
        and "T" in deadline
    )


def task_from(resource: dict[str, Any]) -> Task:
    """The task of a resource that `is_planned`."""
    planned = datetime.fromisoformat(resource["authoredOn"])
    return Task(
        id=resource["id"],
        patient=resource["for"]["reference"].removeprefix("Patient/"),
        code=next(str(coding["code"]) for coding in resource["code"]["coding"] if coding.get("system") == TASK_SYSTEM),
        title=resource["code"]["text"],
        description=resource.get("description", ""),
        status=resource["status"],
        due=datetime.fromisoformat(resource["restriction"]["period"]["end"]),
        owner=resource["owner"]["reference"],
        focus=resource.get("focus", {}).get("reference"),
        planned=planned,
        version=resource.get("meta", {}).get("versionId", ""),
        owner_name=str(resource["owner"].get("display", "")),
        requester=local(resource.get("requester")) or "",
        requester_name=str(resource.get("requester", {}).get("display", "")),
        priority=resource.get("priority", "routine"),
        remind=_moment(
            next((one.get("valueDateTime") for one in resource.get("extension", []) if one.get("url") == REMINDER), None)
        ),
        reason=str(resource.get("statusReason", {}).get("text", "")),
        result=next((str(one["valueString"]) for one in resource.get("output", []) if "valueString" in one), ""),
        checks=checks_of(resource),
    )


def checks_of(resource: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
    """The steps of a task's list, in their order, with whether each was done."""
    said = [
        {part.get("url"): part for part in one.get("extension", [])}
        for one in resource.get("extension", [])
        if one.get("url") == CHECK
    ]
    return tuple(
        (str(one["what"].get("valueString", "")), one.get("done", {}).get("valueBoolean") is True)
        for one in said
        if "what" in one
    )


def with_checks(resource: dict[str, Any], checks: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """The same task with this list of steps."""
    others = [one for one in resource.get("extension", []) if one.get("url") != CHECK]
    said = [
        {"url": CHECK, "extension": [{"url": "what", "valueString": what}, {"url": "done", "valueBoolean": done}]}
        for what, done in checks
    ]
    kept = {name: value for name, value in resource.items() if name != "extension"}
    return kept | ({"extension": [*others, *said]} if others or said else {})


def steps_of(resource: dict[str, Any]) -> list[Step]:
    """What was said and done about a task, the newest first."""
    names = dict(_named(resource))
    found = []
    for note in resource.get("note", []):
        by = note.get("authorReference", {})
        name = note.get("authorString") or by.get("display") or names.get(by.get("reference"), "")
        words = str(note.get("text", ""))
        found.append(Step(str(name), _moment(note.get("time")), STATES.get(words, words)))
    return found[::-1]


def todo_for(
    *, id: str, patient: str, title: str, description: str, due: datetime, priority: str, owner: dict[str, str], requester: dict[str, str],
    at: datetime, remind: datetime | None,
) -> dict[str, Any]:  # fmt: skip
    """The Task that somebody asks of themself, a colleague, a team or a member of the circle. `owner` and `requester` are FHIR references."""
    mine = owner["reference"] == requester["reference"]
    resource: dict[str, Any] = {
        "resourceType": "Task",
        "id": id,
        "status": ACCEPTED if mine else REQUESTED,
        "intent": "order",
        "priority": priority,
        "code": {"coding": [{"system": TASK_SYSTEM, "code": TODO}], "text": title},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": at.isoformat(timespec="seconds"),
        "requester": requester,
        "owner": owner,
        "restriction": {"period": {"end": due.isoformat(timespec="seconds")}},
    }
    return with_reminder(resource | ({"description": description} if description else {}), remind)


def with_reminder(resource: dict[str, Any], remind: datetime | None) -> dict[str, Any]:
    """The same task with another reminder, or none."""
    others = [one for one in resource.get("extension", []) if one.get("url") != REMINDER]
    said = [{"url": REMINDER, "valueDateTime": remind.isoformat(timespec="seconds")}] if remind else []
    kept = {name: value for name, value in resource.items() if name != "extension"}
    return kept | ({"extension": [*others, *said]} if others or said else {})


def with_due(resource: dict[str, Any], due: datetime) -> dict[str, Any]:
    """The same task with another deadline."""
    restriction = resource.get("restriction", {})
    period = {**restriction.get("period", {}), "end": due.isoformat(timespec="seconds")}
    return {**resource, "restriction": {**restriction, "period": period}}


def changed(
    resource: dict[str, Any], *, by: dict[str, str], at: datetime, words: str, status: str = "", owner: dict[str, str] | None = None,
    reason: str = "", result: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The same task a step further, with a note that says who took it. `owner`: whom it is given to, by whoever acts."""
    said = {**resource, "status": status or resource["status"]}
    said["note"] = [*resource.get("note", []), {"authorReference": by, "time": at.isoformat(timespec="seconds"), "text": words}]
    if status and status != resource["status"]:
        said.pop("executionPeriod", None)
        said.pop("statusReason", None)
    if status == DONE:
        said["executionPeriod"] = {"end": at.isoformat(timespec="seconds")}
        said.pop("output", None)
    if owner is not None:
        said |= {"owner": owner, "requester": by}
    if reason:
        said["statusReason"] = {"text": reason}
    if result:
        said["output"] = [{"type": {"text": "Résultat"}, "valueString": result}]
    return said


def _named(resource: dict[str, Any]) -> list[tuple[str, str]]:
    both = (resource.get("owner", {}), resource.get("requester", {}))
    return [(one["reference"], str(one.get("display", ""))) for one in both if "reference" in one]


def _moment(text: object) -> datetime | None:
    """A moment that is said to the minute; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def with_status(resource: dict[str, Any], status: str, *, by: str | None, at: datetime) -> dict[str, Any]:
    """The same task with another status, and who changed it when."""
    execution = {"executionPeriod": {"end": at.isoformat(timespec="seconds")}} if status == DONE else {}
    kept = {k: v for k, v in resource.items() if k != "executionPeriod"}
    note = [
        *resource.get("note", []),
        {"authorReference": {"reference": by}, "time": at.isoformat(timespec="seconds"), "text": status},
    ]
    return {**kept, **execution, "status": status, **({"note": note} if by else {})}


def is_ours(resource: dict[str, Any]) -> bool:
    """Whether a Task is one of coordination, by its code."""
    return any(coding.get("system") == TASK_SYSTEM for coding in resource.get("code", {}).get("coding", []))


def is_alert(resource: dict[str, Any]) -> bool:
    """Whether a Task is the answer to an alert."""
    return any(
        coding.get("system") == TASK_SYSTEM and coding.get("code") == ALERT
        for coding in resource.get("code", {}).get("coding", [])
    )
